"""Find out all that the guards ask of a pull request, in git and at the forge; then ask them."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgate import source
from meshgate.effect import effect
from meshgate.errors import BuildError, IntegrityError, RepositoryError
from meshgate.judging import context_of, with_others
from meshgate.model import BuildRecord
from meshgate.promotion.base import configuration_at
from meshgate.promotion.candidate import Ancestry, Candidate, Held, Opinions
from meshgate.promotion.files import LEDGER, STATE, below, ledger_folder, rendered_folder
from meshgate.promotion.guards import GUARDS, Refusal, evaluate, refusals, stray_changes
from meshgate.promotion.ledger import read_record
from meshgate.promotion.policy import policy
from meshgate.promotion.rendering import render
from meshgate.promotion.sides import ADDED, changes, side_at
from meshgate.promotion.standings import objects, standing, with_release
from meshgate.promotion.values import Event
from meshgate.repository import is_ancestor, merge_bases, signed
from meshgate.rules import RULES
from meshgate.rules.judge import judge as judge_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from meshgate.effect import Effect
    from meshgate.model import Finding, Resource
    from meshgate.promotion.base import Base
    from meshgate.promotion.candidate import FileChange, Side
    from meshgate.promotion.forge import PullRequest
    from meshgate.promotion.policy import EnvironmentPolicy
    from meshgate.promotion.standing import Standing
    from meshgate.promotion.values import GateResult, PromotionRecord
    from meshgate.repository import Signed
    from meshgate.rules.context import Context


class Verdict(enum.StrEnum):
    """Whether a pull request may be merged; `broken`: a guard failed, which is no answer."""

    PASS = "pass"  # noqa: S105 - a verdict
    WAITING = "waiting"
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of a commit that may be merged to the base.

    environment  None: it is no promotion
    candidate    None: as above, or `refusals` says why it cannot be judged as a promotion
    asked        the ids of the guards that were asked
    ports        how many server ports the environment has afterwards
    """

    head: str
    environment: str | None
    candidate: Candidate | None
    refusals: tuple[Refusal, ...]
    gates: tuple[GateResult, ...] = ()
    asked: tuple[str, ...] = ()
    pull: PullRequest | None = None
    ports: int = 0

    @property
    def verdict(self) -> Verdict:
        """The gravest of what the guards say."""
        if any(refusal.broken for refusal in self.refusals):
            return Verdict.BROKEN
        if not all(refusal.waits for refusal in self.refusals):
            return Verdict.REFUSED
        return Verdict.WAITING if self.refusals else Verdict.PASS


def judge(
    base: Base,
    head: str,
    *,
    pull: PullRequest | None = None,
    only: Collection[str] | None = None,
) -> Judged:
    """Judge the commit `head` as data: whether it may be merged to the base as that is now.

    `only` are the ids of the guards to ask. Raises ToolError where the renderer is not there, and
    RepositoryError where git or the forge fails.
    """
    if base.repository.find(head) is None:
        raise RepositoryError(f"git has no commit {head}", hint="fetch the pull request's branch")
    changed = changed_files(base, head)
    name = promoted(base, changed)
    if name is None:
        return Judged(head, None, None, tuple(stray_changes(changed)), asked=("PR02",), pull=pull)
    record = _record(base, head, name, changed)
    if isinstance(record, Refusal):
        return Judged(head, name, None, (record,), asked=(record.guard,), pull=pull)
    found = _Collection(base, head, name, record, changed)
    candidate = found.candidate(pull)
    asked = tuple(
        guard.id
        for guard in GUARDS
        if candidate.event in guard.events and (only is None or guard.id in only)
    )
    return Judged(
        head=head,
        environment=name,
        candidate=candidate,
        refusals=tuple(refusals(candidate, asked)),
        gates=tuple(evaluate(candidate)),
        asked=asked,
        pull=pull,
        ports=found.ports,
    )


def check_rules(base: Base, head: str) -> None:
    """Raise UsageError where the rules that a pull request brings could not be promoted by."""
    policy(configuration_at(base.repository, head))


def changed_files(base: Base, head: str) -> tuple[FileChange, ...]:
    """What a pull request changes: the difference from where it left the base branch.

    Where there are several such places, what differs from any of them: a merge may bring it.
    """
    repository = base.repository
    new = repository.entries(head)
    found: dict[str, FileChange] = {}
    lefts = merge_bases(repository, base.commit, head)
    for old in [repository.entries(left) for left in lefts] or [[]]:
        found |= {change.path: change for change in changes(old, new)}
    return tuple(found[path] for path in sorted(found))


def promoted(base: Base, changed: Iterable[FileChange]) -> str | None:
    """The environment that changes promote to, if they do.

    A new record tells it, else a changed state; of several environments the first, and PR01 refuses
    the rest.
    """
    pinned = {one.name for one in base.policy.environments if one.pinned}
    states = []
    for change in changed:
        folder, _, rest = change.path.removeprefix(f"{LEDGER}/").partition("/")
        if change.path.startswith(f"{LEDGER}/") and change.kind == ADDED and rest:
            if folder in pinned:
                return folder
        elif change.path.startswith(f"{STATE}/"):
            states.append(change.path.removeprefix(f"{STATE}/").removesuffix(".yaml"))
    return next((name for name in states if name in pinned), None)


def _record(
    base: Base, head: str, name: str, changed: Iterable[FileChange]
) -> PromotionRecord | Refusal:
    """The new record; a refusal where there is not exactly one that can be read."""
    folder = ledger_folder(name)
    new = [one.path for one in changed if one.path.startswith(folder) and one.kind == ADDED]
    hint = "close the pull request and run the command again; records are written by meshgate alone"
    if len(new) != 1:
        return Refusal("PR05", "broken-ledger", f"it adds {len(new)} records, not one", hint)
    content = base.repository.read(head, new[0])
    try:
        return read_record(content or b"", new[0]).record
    except IntegrityError as error:
        return Refusal("PR05", "broken-ledger", error.what, hint, details=(error.why,))


class _Collection:
    """Everything that is asked of one candidate."""

    def __init__(
        self,
        base: Base,
        head: str,
        name: str,
        record: PromotionRecord,
        changed: tuple[FileChange, ...],
    ) -> None:
        self.base = base
        self.policy: EnvironmentPolicy = base.policy.of(name)
        self.record = record
        self.changed = changed
        self.before = side_at(base.repository, base.commit, name)
        self.after = side_at(base.repository, head, name)
        self.reasons: list[str] = []
        self.ports = 0

    def candidate(self, pull: PullRequest | None) -> Candidate:
        """The candidate, with whatever could be found out."""
        base, name = self.base, self.policy.name
        proves = any(gate.type == "commit-status" for gate in self.policy.gates)
        upstream = [standing(base, one, statuses=proves) for one in self.policy.after]
        bare = Candidate(
            record=self.record,
            policy=self.policy,
            environment=base.environment(name),
            configured_from=base.commit,
            now=base.now,
            today=base.today,
            base=self.before,
            head=self.after,
            changed=self.changed,
            paused=base.policy.paused,
            rejecting=self._rejecting(),
            history=standing(base, name),
            opinions=self._opinions(pull),
            without_forge=base.without_forge,
            signature=self._signature(),
        )
        if not self.record.event.changes_render:
            return dataclasses.replace(bare, upstream=tuple(upstream))
        upstream = [self._rendered_at(one) for one in upstream]
        return self._judged(dataclasses.replace(bare, upstream=tuple(upstream)))

    def _judged(self, bare: Candidate) -> Candidate:
        """With render, findings and effect."""
        before = self._objects(self.before)
        after = self._objects(self.after)
        contexts = self._contexts(bare.upstream, before, after)
        now = contexts.get("after")
        whole = dataclasses.replace(
            bare,
            held=self._held(),
            expected=self._expected(),
            ancestry=self._ancestry(),
            before=before,
            after=after,
            findings=self._findings(now) if now is not None else None,
            effect=self._effect(contexts),
        )
        return dataclasses.replace(whole, reasons=tuple(self.reasons))

    def _opinions(self, pull: PullRequest | None) -> Opinions | None:
        forge = self.base.forge
        if pull is None or forge is None:
            return None
        approvals = self.policy.approvals
        teams = tuple(dict.fromkeys((*approvals.teams, *approvals.weakening)))
        return Opinions(pull, tuple(forge.get_reviews(pull.number, teams)))

    def _rejecting(self) -> Mapping[str, tuple[str, ...]]:
        found = {}
        for one in self.base.policy.before(self.policy.name):
            if one.pinned:
                state = side_at(self.base.repository, self.base.commit, one.name).state
                found[one.name] = state.rejected if state is not None else ()
        return found

    def _signature(self) -> Signed | None:
        path = self.policy.allowed_signers
        content = self.base.repository.read(self.base.commit, path) if path else None
        if content is None:
            return None
        return signed(self.base.repository, self.after.commit, content)

    def _rendered_at(self, upstream: Standing) -> Standing:
        found, reason = with_release(self.base, upstream, self.record.source.commit)
        if reason:
            self.reasons.append(reason)
        return found

    def _held(self) -> Held | None:
        releases = self.base.releases
        try:
            found = releases.source(self.record.source.commit)
            return Held(releases.id(found), found)
        except RepositoryError as error:
            self.reasons.append(f"its source: {error.what}")
            return None

    def _expected(self) -> Mapping[str, bytes] | None:
        """A fresh render; for a rollback the bytes that the record of that release left."""
        if self.record.event is Event.ROLLBACK:
            return self._replayed()
        try:
            return render(
                self.base.repository,
                self.record.source.commit,
                self.policy.name,
                self.policy.overlay,
                cache=self.base.cache,
            )
        except (BuildError, RepositoryError) as error:
            self.reasons.append(f"the render: {error}")
            return None

    def _replayed(self) -> Mapping[str, bytes] | None:
        """The rendered files as an earlier record of this release left them on the base."""
        wanted = self.record.rendered
        name, repository = self.policy.name, self.base.repository
        same = (self.record.release, self.record.source, wanted)
        if not any((one.release, one.source, one.rendered) == same for one in self.before.records):
            self.reasons.append(f"no record of {name} left {wanted.tree}")
            return None
        folder = rendered_folder(name)
        try:
            entries = repository.entries(wanted.tree)
        except RepositoryError as error:
            self.reasons.append(f"the recorded bytes: {error.what}")
            return None
        return {folder + entry.path: repository.blob(entry.blob) for entry in entries}

    def _ancestry(self) -> Ancestry | None:
        line = [commit.sha for commit in self.base.releases.line]
        sources = [
            record.source.commit
            for record in self.before.records
            if record.event is not Event.HOTFIX and record.source.commit in line
        ]
        newest = min(sources, key=line.index, default=None)
        commit = self.record.source.commit
        try:
            is_newer = newest is None or is_ancestor(self.base.repository, newest, commit)
        except RepositoryError as error:
            self.reasons.append(f"its source: {error.what}")
            return None
        return Ancestry(commit in line, newest, is_newer)

    def _objects(self, side: Side) -> tuple[Resource, ...] | None:
        try:
            return objects(below(side.files, rendered_folder(self.policy.name)))
        except BuildError as error:
            self.reasons.append(f"rendered/{self.policy.name}: {error.what}")
            return None

    def _contexts(
        self,
        upstream: tuple[Standing, ...],
        before: tuple[Resource, ...] | None,
        after: tuple[Resource, ...] | None,
    ) -> dict[str, Context]:
        """What rules and effect look at: `before`, `after`, and each environment before."""
        name = self.policy.name
        found: dict[str, Context] = {}
        others: dict[str, Context] = {}
        try:
            for one in upstream:
                if one.objects is not None:
                    others[one.environment] = self._context(one.environment, one.objects)
            if before:
                found["before"] = self._context(name, before)
            if after:
                context = self._context(name, after)
                found["after"] = with_others(context, {**others, name: context})
                self.ports = _ports(context)
        except BuildError as error:
            self.reasons.append(f"the inventory: {error.what}")
        return found

    def _context(self, name: str, resources: tuple[Resource, ...]) -> Context:
        build = source.Build(list(resources), BuildRecord())
        return context_of(
            self.base.environment(name),
            build,
            self.base.inventory(name),
            self.base.today,
            engine=self.base.engine,
        )

    def _findings(self, context: Context) -> tuple[Finding, ...]:
        folder = rendered_folder(self.policy.name)
        locate = source.Locator(self.base.repository.root, below(self.after.files, folder))
        return tuple(judge_rules(context, RULES, locate))

    def _effect(self, contexts: Mapping[str, Context]) -> Effect | None:
        before, after = contexts.get("before"), contexts.get("after")
        if before is None or after is None:
            return None
        if before.mesh is None or after.mesh is None:
            self.reasons.append(f"inventory/{self.policy.name} has no workload and no Service")
            return None
        return effect(
            before.mesh,
            after.mesh,
            expected=after.environment.expectations,
            upstream={
                name: context.mesh
                for name, context in after.upstream.items()
                if context.mesh is not None
            },
        )


def _ports(context: Context) -> int:
    if context.mesh is None:
        return 0
    return sum(len(context.mesh.ports(workload)) for workload in context.mesh.workloads)
