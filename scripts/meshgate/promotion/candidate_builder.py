"""Find out all that the guards ask of one candidate: in git, by rendering, and at the forge."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from meshgate.effect import Effect, effect
from meshgate.errors import BuildError, RepositoryError
from meshgate.model import Resource
from meshgate.pipeline import Judged
from meshgate.pipeline.renamed_objects import by_names
from meshgate.pipeline.reports import UNDECIDED, undecided_note
from meshgate.promotion.candidate import Ancestry, Candidate, Reviews, SourceContent
from meshgate.promotion.clocks import Clocks
from meshgate.promotion.deployments import by_word, status_of, with_release
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import FileChange, rendered_folder
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.gates import asks_statuses
from meshgate.promotion.ledger import EnvironmentFiles, files_at
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.rendering import read_rendered, render
from meshgate.promotion.session import Session
from meshgate.promotion.status import EnvironmentStatus
from meshgate.repository import Signed, commit_of, is_ancestor, signed
from meshgate.rules.context import Context


class CandidateBuilder:
    """Finds out the parts of one candidate.

    A part that cannot be found out stays None, with a line in `reasons`: guards never pass it.
    """

    def __init__(
        self,
        session: Session,
        head: str,
        record: PromotionRecord,
        changed: tuple[FileChange, ...],
        pull: PullRequest | None,
    ) -> None:
        name = record.environment
        self.session = session
        self.policy = session.policy.of(name)
        self.record = record
        self.changed = changed
        self.pull = pull
        self.before = files_at(session.repository, session.commit, name)
        self.after = files_at(session.repository, head, name)
        self.reasons: list[str] = []

    def build(self) -> Candidate:
        """The candidate, with whatever could be found out."""
        session, name = self.session, self.policy.name
        statuses = asks_statuses(self.policy.gates)
        upstream = [status_of(session, below, statuses=statuses) for below in self.policy.after]
        if self.record.event.changes_render:
            upstream = [self._with_release(status) for status in upstream]
        upstream = [by_word(session, status, self.record.release) for status in upstream]
        candidate = Candidate(
            record=self.record,
            policy=self.policy,
            environment=session.environment(name),
            configured_from=session.commit,
            now=session.now,
            today=session.today,
            base=self.before,
            head=self.after,
            changed=self.changed,
            paused=session.policy.paused,
            upstream=tuple(upstream),
            rejecting=self._rejecting(),
            status=status_of(session, name),
            reviews=self._reviews(),
            without_forge=session.without_forge,
            signature=self._signature(),
        )
        # After all that asks the forge: its last answer tells its clock.
        candidate = structs.replace(candidate, clocks=self._clocks())
        return self._rendered(candidate) if self.record.event.changes_render else candidate

    def _rendered(self, candidate: Candidate) -> Candidate:
        """With source, render, findings and effect."""
        before = self._objects(self.before)
        after = self._objects(self.after)
        old, new = self._judged(candidate.upstream, before, after)
        rendered = structs.replace(
            candidate,
            upstream=tuple(map(self._by_own_names, candidate.upstream)),
            source=self._source(),
            expected=self._expected(),
            ancestry=self._ancestry(),
            before=before,
            after=after,
            findings=new.findings if new is not None else None,
            undecided=self._undecided(new),
            effect=self._effect(old, new),
            ports=_ports(new.require_context()) if new is not None else 0,
        )
        return structs.replace(rendered, reasons=tuple(self.reasons))

    def _undecided(self, new: Judged | None) -> tuple[str, ...]:
        require = self.session.environment(self.policy.name).require
        if new is None or not require.refuses_undecided:
            return ()
        return tuple(undecided_note([new], UNDECIDED))

    def _by_own_names(self, status: EnvironmentStatus) -> EnvironmentStatus:
        """What an environment before has, by the names that its objects have in this one."""
        theirs = self.session.environment(status.environment).names
        ours = self.session.environment(self.policy.name).names
        if status.objects is None or theirs == ours:
            return status
        return structs.replace(status, objects=tuple(by_names(status.objects, theirs, ours)))

    def _reviews(self) -> Reviews | None:
        forge = self.session.forge
        if self.pull is None or not forge.hosted:
            return None
        approvals = self.policy.approvals
        named = (*approvals.teams, *approvals.weakening_teams, *approvals.access_teams)
        teams = tuple(dict.fromkeys(named))
        return Reviews(self.pull, tuple(forge.get_reviews(self.pull.number, teams)))

    def _clocks(self) -> Clocks:
        session = self.session
        newest = commit_of(session.repository, session.commit)
        return Clocks(session.forge.clock_ahead(), newest.committed_at)

    def _rejecting(self) -> Mapping[str, tuple[str, ...]]:
        """The releases that each environment before this one rejected."""
        rejecting = {}
        for policy in self.session.policy.before(self.policy.name):
            if policy.pinned:
                files = files_at(self.session.repository, self.session.commit, policy.name)
                rejecting[policy.name] = files.state.rejected if files.state is not None else ()
        return rejecting

    def _signature(self) -> Signed | None:
        path = self.policy.allowed_signers
        content = self.session.repository.read(self.session.commit, path) if path else None
        if content is None:
            return None
        return signed(self.session.repository, self.after.commit, content)

    def _with_release(self, status: EnvironmentStatus) -> EnvironmentStatus:
        rendered, reason = with_release(self.session, status, self.record.source.commit)
        if reason:
            self.reasons.append(reason)
        return rendered

    def _source(self) -> SourceContent | None:
        """What the source commit holds."""
        releases = self.session.releases
        try:
            held = releases.source(self.record.source.commit)
            return SourceContent(releases.id(held), held)
        except RepositoryError as error:
            self.reasons.append(f"its source: {error.what}")
            return None

    def _expected(self) -> Mapping[str, bytes] | None:
        """A fresh render; for a rollback the bytes that the record of that release left."""
        if self.record.event is Event.ROLLBACK:
            return self._replayed()
        try:
            return render(
                self.session.repository,
                self.record.source.commit,
                self.policy.name,
                self.policy.sources,
                cache=self.session.cache,
            )
        except (BuildError, RepositoryError) as error:
            self.reasons.append(f"the render: {error}")
            return None

    def _replayed(self) -> Mapping[str, bytes] | None:
        """The rendered files as an earlier record of this release left them on the base."""
        wanted = self.record.rendered
        name, repository = self.policy.name, self.session.repository
        same = (self.record.release, self.record.source, wanted)
        if not any(
            (record.release, record.source, record.rendered) == same
            for record in self.before.records
        ):
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
        """Where the source commit lies; a hotfix's source is passed over."""
        line = [commit.sha for commit in self.session.releases.line]
        sources = [
            record.source.commit
            for record in self.before.records
            if record.event is not Event.HOTFIX and record.source.commit in line
        ]
        newest = min(sources, key=line.index, default=None)
        commit = self.record.source.commit
        try:
            is_newer = newest is None or is_ancestor(self.session.repository, newest, commit)
        except RepositoryError as error:
            self.reasons.append(f"its source: {error.what}")
            return None
        return Ancestry(commit in line, newest, is_newer)

    def _objects(self, files: EnvironmentFiles) -> tuple[Resource, ...] | None:
        try:
            return read_rendered(files.rendered)
        except BuildError as error:
            self.reasons.append(f"rendered/{self.policy.name}: {error.what}")
            return None

    def _judged(
        self,
        upstream: tuple[EnvironmentStatus, ...],
        before: tuple[Resource, ...] | None,
        after: tuple[Resource, ...] | None,
    ) -> tuple[Judged | None, Judged | None]:
        """The environment before and after, judged; None: it has no objects, or see `reasons`.

        Raises ToolError and SchemaMissingError.
        """
        name = self.policy.name
        others = {status.environment: status.objects for status in upstream if status.objects}
        old = self.session.judge({name: before})[name] if before else None
        judged = self.session.judge({**others, name: after}, self.after.rendered) if after else {}
        for side in (old, *judged.values()):
            if side is not None and side.failure is not None:
                if not isinstance(side.failure, BuildError):
                    raise side.failure
                self.reasons.append(f"the inventory: {side.failure.what}")
                return None, None
        return old, judged.get(name)

    def _effect(self, old: Judged | None, new: Judged | None) -> Effect | None:
        if old is None or new is None:
            return None
        before, after = old.require_context(), new.require_context()
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
    """How many server ports an environment has."""
    if context.mesh is None:
        return 0
    return sum(len(context.mesh.ports(workload)) for workload in context.mesh.workloads)
