"""Find out all that the guards ask of one candidate, in git and at the forge."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from meshgate.effect import Effect, effect
from meshgate.errors import BuildError
from meshgate.model import Resource
from meshgate.pipeline import Judged
from meshgate.promotion.base import Base
from meshgate.promotion.candidate import Candidate, FileChange, Opinions, Side
from meshgate.promotion.files import below, rendered_folder
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.origin import Origin
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.sides import side_at
from meshgate.promotion.standing import Standing
from meshgate.promotion.standings import objects, standing, with_release
from meshgate.promotion.values import PromotionRecord
from meshgate.repository import Signed, signed
from meshgate.rules.context import Context


class Inquiry:
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
        old, new = self._sides(bare.upstream, before, after)
        origin = Origin(self.base, self.policy, self.record, self.before, self.reasons)
        whole = dataclasses.replace(
            bare,
            held=origin.held(),
            expected=origin.expected(),
            ancestry=origin.ancestry(),
            before=before,
            after=after,
            findings=new.findings if new is not None else None,
            effect=self._effect(old, new),
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

    def _objects(self, side: Side) -> tuple[Resource, ...] | None:
        try:
            return objects(below(side.files, rendered_folder(self.policy.name)))
        except BuildError as error:
            self.reasons.append(f"rendered/{self.policy.name}: {error.what}")
            return None

    def _sides(
        self,
        upstream: tuple[Standing, ...],
        before: tuple[Resource, ...] | None,
        after: tuple[Resource, ...] | None,
    ) -> tuple[Judged | None, Judged | None]:
        """The environment before and after, judged; None: it has no objects, or see `reasons`.

        Raises ToolError and SchemaMissingError.
        """
        name, folder = self.policy.name, rendered_folder(self.policy.name)
        others = {each.environment: each.objects for each in upstream if each.objects}
        written = below(self.after.files, folder)
        old = self.base.judge({name: before})[name] if before else None
        judged = self.base.judge({**others, name: after}, written) if after else {}
        for each in (old, *judged.values()):
            if each is not None and each.failure is not None:
                if not isinstance(each.failure, BuildError):
                    raise each.failure
                self.reasons.append(f"the inventory: {each.failure.what}")
                return None, None
        new = judged.get(name)
        if new is not None:
            self.ports = _ports(new.held())
        return old, new

    def _effect(self, old: Judged | None, new: Judged | None) -> Effect | None:
        if old is None or new is None:
            return None
        before, after = old.held(), new.held()
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
