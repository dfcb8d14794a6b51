"""Find out all that the guards ask of one candidate, in git and at the forge."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from meshgate import source
from meshgate.effect import Effect, effect
from meshgate.errors import BuildError
from meshgate.judging import context_of, with_others
from meshgate.model import BuildRecord, Finding, Resource
from meshgate.promotion.base import Base
from meshgate.promotion.candidate import Candidate, FileChange, Opinions, Side
from meshgate.promotion.files import below, rendered_folder
from meshgate.promotion.forge import PullRequest
from meshgate.promotion.origin import Origin
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.sides import side_at
from meshgate.promotion.standing import Standing
from meshgate.promotion.standings import objects, standing, with_release
from meshgate.promotion.values import PromotionRecord
from meshgate.repository import Signed, signed
from meshgate.rules import RULES
from meshgate.rules.context import Context
from meshgate.rules.judge import judge as judge_rules


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
        contexts = self._contexts(bare.upstream, before, after)
        now = contexts.get("after")
        origin = Origin(self.base, self.policy, self.record, self.before, self.reasons)
        whole = dataclasses.replace(
            bare,
            held=origin.held(),
            expected=origin.expected(),
            ancestry=origin.ancestry(),
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
