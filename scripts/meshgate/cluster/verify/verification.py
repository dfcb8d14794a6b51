"""One look at a cluster: all that was found, and whether it is as it was reviewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshgate.cluster import kinds
from meshgate.cluster.capture import FactDifference, Live, ObjectIdentity, running
from meshgate.cluster.capture.redact import redacted
from meshgate.cluster.verify import pushed
from meshgate.cluster.verify.drift import Drift, drift
from meshgate.cluster.verify.foreign import ForeignOutcome, ReviewedAndLive, outcome
from meshgate.cluster.verify.istiod import Istiod
from meshgate.cluster.verify.pushed import Disagreement, Late
from meshgate.mesh import Mesh
from meshgate.model import Environment, Resource

DECIDING = tuple(dict.fromkeys(kind.kind for kind in kinds.DECIDING))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What istiod says: proxies asked, ports and clusters compared, what does not fit."""

    proxies: int
    ports: int
    clusters: int
    open: int
    disagreements: tuple[Disagreement, ...]
    late: tuple[Late, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a cluster is, beside what it should be. `pushed` None: istiod was not asked."""

    environment: str
    cluster: str
    rendered: int
    drift: tuple[Drift, ...]
    # Foreign objects that the inventory has otherwise, or the cluster no longer.
    stale: tuple[Drift, ...]
    outcome: ForeignOutcome
    facts: tuple[FactDifference, ...]
    notes: tuple[str, ...]
    pushed: Pushed | None = None

    @property
    def passed(self) -> bool:
        """Whether everything is, for certain, as it was reviewed."""
        return not self.drift and self.outcome.effect.is_empty and not self.facts and self.delivered

    @property
    def delivered(self) -> bool:
        """Whether istiod, where it was asked, has pushed what the model says to proxies."""
        if self.pushed is None:
            return True
        return self.pushed.proxies > 0 and not self.pushed.disagreements and not self.pushed.late

    @property
    def numbers(self) -> dict[str, float]:
        """The counts of its evidence."""
        values: dict[str, float] = {
            "rendered": self.rendered,
            "drift": len(self.drift),
            "foreign": len(self.outcome.foreign),
            "stale": len(self.stale),
            "portsChanged": len(self.outcome.effect.ports),
            "callsChanged": sum(each.count for each in self.outcome.effect.calls),
            "undecided": len(self.outcome.effect.undecided),
            "factsWrong": len(self.facts),
        }
        if self.pushed is not None:
            values["proxies"] = self.pushed.proxies
            values["disagreements"] = len(self.pushed.disagreements)
            values["late"] = len(self.pushed.late)
        return values


def verify(
    live: Live,
    environment: Environment,
    rendered: Sequence[Resource],
    inventory: Sequence[Resource],
    *,
    cluster: str,
    facts: Sequence[FactDifference],
    istiod: Istiod | None = None,
) -> Verification:
    """Compare a cluster with what was rendered for it and with its reviewed inventory.

    Raises ServiceError where istiod is asked and does not answer.
    """
    looked_at = frozenset(live.by_kind)
    objects = [each for compared in live.by_kind.values() for each in compared]
    there = running(live, environment.mesh)
    ours = {ObjectIdentity.of(resource) for resource in rendered}
    world = ReviewedAndLive(
        rendered=rendered,
        accepted=[
            each
            for each in inventory
            if each.kind in DECIDING and ObjectIdentity.of(each) not in ours
        ],
        live=[Resource.of(redacted(each), foreign=True) for each in live.of(*DECIDING)],
        running=[Resource.of(each, foreign=True) for each in there.objects],
    )
    compared = outcome(world, environment.mesh, environment.expectations)
    return Verification(
        environment=environment.name,
        cluster=cluster,
        rendered=len(rendered),
        drift=tuple(drift(rendered, objects, looked_at)),
        stale=tuple(drift(world.accepted, [each.value for each in world.live], looked_at)),
        outcome=compared,
        facts=tuple(facts),
        notes=tuple(there.notes),
        pushed=_pushed(there.pods, compared.actual, istiod) if istiod else None,
    )


def _pushed(owners: Mapping[str, tuple[str, str]], mesh: Mesh, istiod: Istiod) -> Pushed:
    """Compare one proxy of each workload; that the others have the same, its nonces tell."""
    connected = istiod.proxies()
    asked: dict[tuple[str, str], str] = {}
    for proxy in connected:
        owner = owners.get(proxy["proxy"])
        if owner is not None and proxy.get("proxy_type") == pushed.SIDECAR:
            asked.setdefault(owner, proxy["proxy"])
    compared = [
        pushed.compare(mesh, mesh.workload(*owner), istiod.dump(proxy))
        for owner, proxy in sorted(asked.items())
    ]
    return Pushed(
        proxies=len(compared),
        ports=sum(each.ports for each in compared),
        clusters=sum(each.clusters for each in compared),
        open=sum(each.open for each in compared),
        disagreements=tuple(one for each in compared for one in each.disagreements),
        late=tuple(pushed.late(connected)),
    )
