"""What metadata was seen to do on real agents: RE008's page has this table.

`nox -s e2e -- argocd` and `nox -s e2e` play each row and fail where the agent does something else.
The other marks of RE008 are from the agents' documentation and code alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from meshgate.rules.sync_metadata import ARGO, FLUX


class Agent(StrEnum):
    """What syncs a cluster with git, as the lab has it."""

    ARGO_CD = "Argo CD 3.5"
    FLUX = "Flux 2 (kustomize-controller 1.9)"


class ObservedBehaviour(StrEnum):
    """What became of an object in the cluster, and not of one without the mark."""

    NEVER_CHANGED = "a change in git never arrives"
    MADE_ANEW = "another uid after each sync"
    STAYS = "still there after its removal from git"
    UNNOTICED = "its removal from git starts no sync, and it stays until another change does"
    TAKEN_AWAY = "deleted though it is in git"
    FOREIGN_STAYS = "a field added by hand is not undone"
    AS_UNMARKED = "no other than without it: removed from git, it is pruned"


class SeenMark(Struct, frozen=True):
    """A field of metadata, or an annotation or label, with its value; what came of it where."""

    agent: Agent
    field: str  # annotations, labels or finalizers
    key: str  # empty for finalizers
    value: str
    seen: ObservedBehaviour

    @property
    def shown(self) -> str:
        """As the page has it."""
        return f"`{self.key}: {self.value}`" if self.key else f"`{self.field}: [{self.value}]`"


SEEN = (
    *(
        SeenMark(Agent.ARGO_CD, "annotations", key, value, seen)
        for key, value, seen in (
            (f"{ARGO}hook", "Skip", ObservedBehaviour.NEVER_CHANGED),
            (f"{ARGO}hook", "PostDelete", ObservedBehaviour.TAKEN_AWAY),
            (f"{ARGO}hook", "PreSync", ObservedBehaviour.MADE_ANEW),
            ("helm.sh/hook", "pre-install", ObservedBehaviour.MADE_ANEW),
            (f"{ARGO}sync-options", "Replace=true,Force=true", ObservedBehaviour.MADE_ANEW),
            (f"{ARGO}sync-options", "Prune=false", ObservedBehaviour.STAYS),
            (f"{ARGO}hook", "PreSync", ObservedBehaviour.STAYS),
            ("helm.sh/hook", "pre-install", ObservedBehaviour.STAYS),
            ("helm.sh/resource-policy", "keep", ObservedBehaviour.AS_UNMARKED),
            (f"{ARGO}compare-options", "IgnoreExtraneous", ObservedBehaviour.UNNOTICED),
        )
    ),
    SeenMark(Agent.ARGO_CD, "finalizers", "", "example.com/mine", ObservedBehaviour.STAYS),
    *(
        SeenMark(Agent.FLUX, "annotations", key, value, seen)
        for key, value, seen in (
            (f"{FLUX}reconcile", "disabled", ObservedBehaviour.NEVER_CHANGED),
            (f"{FLUX}ssa", "Ignore", ObservedBehaviour.NEVER_CHANGED),
            (f"{FLUX}ssa", "IfNotPresent", ObservedBehaviour.NEVER_CHANGED),
            (f"{FLUX}ssa", "Merge", ObservedBehaviour.FOREIGN_STAYS),
            (f"{FLUX}prune", "disabled", ObservedBehaviour.STAYS),
            ("config.kubernetes.io/local-config", "true", ObservedBehaviour.TAKEN_AWAY),
        )
    ),
    SeenMark(Agent.FLUX, "finalizers", "", "example.com/mine", ObservedBehaviour.STAYS),
)


def listing() -> Iterator[str]:
    """The lines of RE008's page: what was seen on which agent, and of which marks."""
    by_effect: dict[tuple[Agent, ObservedBehaviour], list[str]] = {}
    for row in SEEN:
        by_effect.setdefault((row.agent, row.seen), []).append(row.shown)
    for (agent, seen), marks in by_effect.items():
        yield f"- {agent}: {seen}"
        yield from (f"  - {mark}" for mark in marks)
