"""Judge a commit that may be merged: what it changes, whether it promotes, what the guards say."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from meshgate.errors import IntegrityError, RepositoryError
from meshgate.promotion.base import Base, configuration_at
from meshgate.promotion.candidate import Candidate, FileChange
from meshgate.promotion.files import LEDGER, STATE, ledger_folder
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.guards import GUARDS, Refusal, evaluate, refusals, stray_changes
from meshgate.promotion.inquiry import Inquiry
from meshgate.promotion.ledger import read_record
from meshgate.promotion.policy import policy
from meshgate.promotion.sides import ADDED, changes
from meshgate.promotion.values import GateResult, PromotionRecord
from meshgate.repository import merge_bases


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
    found = Inquiry(base, head, name, record, changed)
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
