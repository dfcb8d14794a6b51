"""One look at a cluster: all that was found, and whether it is as it was reviewed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshgate.cluster import kinds
from meshgate.cluster.capture import FactDifference, Live, ObjectIdentity, running
from meshgate.cluster.capture.redact import redacted
from meshgate.cluster.capture.workloads import plane_of
from meshgate.cluster.folding import some
from meshgate.cluster.verify import pushed
from meshgate.cluster.verify.drift import Drift, drift
from meshgate.cluster.verify.foreign import ForeignOutcome, ReviewedAndLive, outcome
from meshgate.cluster.verify.istiod import Istiod
from meshgate.cluster.verify.pushed import Disagreement, LateProxy, ProxyComparison
from meshgate.mesh import DataPlane, Mesh
from meshgate.model import Environment, JSONObject, Resource
from meshgate.wording import plural

PENDING = "Pending"
# How often a proxy that is behind is looked at again, after so many seconds each.
LOOKS, PAUSE = 2, 1.5

DECIDING = tuple(dict.fromkeys(kind.kind for kind in kinds.DECIDING))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What istiod says: proxies asked, ports and clusters compared, what does not fit.

    unseen  sidecars and gateways that run and are connected to no replica that was asked
    gone    proxies that left before they could be asked
    """

    proxies: int
    ports: int
    clusters: int
    open: int
    disagreements: tuple[Disagreement, ...]
    late: tuple[LateProxy, ...]
    unseen: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """What a cluster is, beside what it should be.

    pushed   None: istiod was not asked
    unknown  what decides, or may, and was not read
    strict   whether that is no pass
    """

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
    unknown: tuple[str, ...] = ()
    strict: bool = False

    @property
    def open(self) -> tuple[str, ...]:
        """What is not known for certain, each in a sentence."""
        return (*self.unknown, *(_unseen(self.pushed) if self.pushed else ()))

    @property
    def passed(self) -> bool:
        """Whether everything is, for certain, as it was reviewed."""
        if self.strict and self.open:
            return False
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
            "notKnown": len(self.open),
        }
        if self.pushed is not None:
            values["proxies"] = self.pushed.proxies
            values["disagreements"] = len(self.pushed.disagreements)
            values["late"] = len(self.pushed.late)
            values["unseen"] = len(self.pushed.unseen)
        return values


def verify(
    live: Live,
    environment: Environment,
    rendered: Sequence[Resource],
    inventory: Sequence[Resource],
    *,
    cluster: str,
    facts: Sequence[FactDifference],
    unknown: Sequence[str] = (),
    istiods: Sequence[Istiod] = (),
    strict: bool = False,
) -> Verification:
    """Compare a cluster with what was rendered for it and with its reviewed inventory.

    Raises ServiceError where istiod is asked and does not answer.
    """
    # What an API server does not serve, a cluster has not.
    looked_at = frozenset((kind.group, kind.kind) for kind in kinds.ALL)
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
        notes=(*there.notes, *_unserved(live, (*rendered, *world.accepted))),
        pushed=_pushed(live, there.pods, compared.actual, istiods) if istiods else None,
        unknown=tuple(unknown),
        strict=strict,
    )


def _unserved(live: Live, wanted: Iterable[Resource]) -> Iterator[str]:
    """The kinds of what should be there that no cluster can have without its API."""
    used = {(each.group, each.kind) for each in wanted}
    for kind in live.unserved:
        if (kind.group, kind.kind) in used:
            yield f"the API server does not serve {kind.resource}, so that there is none"


def _unseen(compared: Pushed) -> Iterator[str]:
    if compared.unseen:
        yield (
            f"of {plural(len(compared.unseen), 'running pod')} the proxy was not seen: another "
            f"replica of istiod has it, or none; name each with --istiod: {some(compared.unseen)}"
        )
    if compared.gone:
        yield f"what proxies had that left before istiod could be asked: {some(compared.gone)}"


def _pushed(
    live: Live, owners: Mapping[str, tuple[str, str]], mesh: Mesh, istiods: Sequence[Istiod]
) -> Pushed:
    """Compare one proxy of each workload; that the others have the same, its nonces tell."""
    connected = [(istiod, proxy) for istiod in istiods for proxy in istiod.proxies()]
    candidates: dict[tuple[str, str], dict[str, Istiod]] = {}
    for istiod, proxy in connected:
        owner = owners.get(proxy["proxy"])
        if owner is not None and proxy.get("proxy_type") == pushed.SIDECAR:
            candidates.setdefault(owner, {})[proxy["proxy"]] = istiod
    compared: list[ProxyComparison] = []
    gone: list[str] = []
    for owner, proxies in sorted(candidates.items()):
        for name, istiod in proxies.items():
            dump = istiod.dump(name)
            if dump is None:
                gone.append(name)
                continue
            try:
                compared.append(pushed.compare(mesh, mesh.workload(*owner), dump))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise istiod.unexpected(f"the config dump of {name}", repr(error)) from error
            break
    seen = {proxy["proxy"] for _, proxy in connected}
    return Pushed(
        proxies=len(compared),
        ports=sum(each.ports for each in compared),
        clusters=sum(each.clusters for each in compared),
        open=sum(each.open for each in compared),
        disagreements=tuple(one for each in compared for one in each.disagreements),
        late=_late(istiods, [proxy for _, proxy in connected]),
        unseen=tuple(sorted(_with_proxy(live, owners) - seen)),
        gone=tuple(gone),
    )


def _late(istiods: Sequence[Istiod], proxies: Sequence[JSONObject]) -> tuple[LateProxy, ...]:
    """The proxies that are behind and stay so: in a large mesh something is always on its way."""
    found = pushed.late(proxies)
    for _ in range(LOOKS if found else 0):
        time.sleep(PAUSE)
        now = set(pushed.late(proxy for istiod in istiods for proxy in istiod.proxies()))
        # What was sent anew is another push.
        found = [each for each in found if each in now]
        if not found:
            break
    return tuple(found)


def _with_proxy(live: Live, owners: Mapping[str, tuple[str, str]]) -> set[str]:
    """The ids of the proxies of the pods that run."""
    ids = (
        (pod, f"{pod['metadata']['name']}.{pod['metadata']['namespace']}") for pod in live.of("Pod")
    )
    proxied = {DataPlane.SIDECAR, DataPlane.GATEWAY}
    return {
        proxy
        for pod, proxy in ids
        # One that is still to start has no proxy to be seen.
        if proxy in owners and plane_of(pod) in proxied and _has_started(pod)
    }


def _has_started(pod: JSONObject) -> bool:
    return (pod.get("status") or {}).get("phase") != PENDING
