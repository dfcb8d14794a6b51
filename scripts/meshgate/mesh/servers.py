"""Which mode a server port enforces, and which PeerAuthentication decides it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh.order import age, possible_oldest
from meshgate.mesh.peer_authentication import PeerPolicies, PeerPolicy
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import Level, Mode
from meshgate.model import Resource


class DecidedBy(NamedTuple):
    """The scope and the PeerAuthentication that give a mode; None: Istio's default."""

    level: Level
    policy: Resource | None


class Overridden(Struct, frozen=True):
    """A policy that would have decided and does not.

    `why`: `narrower` (a narrower policy decides), `older` (the slot belongs to an older one).
    `mode` None: it is UNSET.
    """

    level: Level
    policy: Resource
    mode: Mode | None
    why: str


class ServerMode(Struct, frozen=True):
    """What one server port enforces. `mode` None: no PeerAuthentication counts there."""

    mode: Mode | None
    decided_by: DecidedBy
    overrides: tuple[Overridden, ...] = ()
    # False: its sidecar does not capture the port, whatever the mode says.
    captured: bool = True
    # False: the answer depends on what files do not tell.
    decided: bool = True
    reason: str = ""
    # Why calls that the mode lets in may be refused all the same; empty: nothing may refuse them.
    may_refuse: str = ""
    # Every answer, where the order of objects without creationTimestamp decides.
    alternatives: tuple[ServerMode, ...] = ()


class Slots(Struct, frozen=True):
    """One possible set of winners: the oldest policy of each slot."""

    mesh: PeerPolicy | None
    namespace: PeerPolicy | None
    workload: PeerPolicy | None

    def base(self) -> tuple[Mode, Level, PeerPolicy | None]:
        """The mode of ports that no port table names (ComposePeerAuthentication)."""
        for level, policy in (
            (Level.WORKLOAD, self.workload),
            (Level.NAMESPACE, self.namespace),
            (Level.MESH, self.mesh),
        ):
            if policy is not None and policy.mode is not None:
                return policy.mode, level, policy
        return Mode.PERMISSIVE, Level.DEFAULT, None

    def mode(self, port: int | None) -> Mode:
        """The mode of a container port; None: any port that the port table does not name."""
        if port is not None and self.workload is not None:
            own = self.workload.ports.get(port)
            if own is not None:
                return own
        return self.base()[0]

    def namespace_mode(self) -> Mode:
        """What clients infer for the namespace (GetNamespaceMutualTLSMode).

        Selectors and ports do not count.
        """
        return Slots(self.mesh, self.namespace, None).base()[0]


class ServerClass:
    """Workloads of one namespace that no PeerAuthentication tells apart."""

    __slots__ = ("candidates", "namespace", "slots")

    def __init__(self, namespace: str, candidates: Slots3) -> None:
        self.namespace = namespace
        # All policies of each slot, the oldest first as far as known.
        self.candidates = candidates
        self.slots = tuple(_distinct(candidates))

    @property
    def first(self) -> Slots:
        """The winners on a fresh cluster."""
        return self.slots[0]

    def without(self, policy: Resource) -> ServerClass:
        """The same workloads, had a policy never been there."""
        mesh, namespace, workload = (
            tuple(each for each in slot if each.resource is not policy) for slot in self.candidates
        )
        return ServerClass(self.namespace, (mesh, namespace, workload))

    def mode(self, port: int | None) -> ServerMode:
        """What the class enforces on a container port; None: on ports of no port table."""
        answers: dict[tuple[Mode, DecidedBy], ServerMode] = {}
        for slots in self.slots:
            answer = self._mode(slots, port)
            assert answer.mode is not None
            answers.setdefault((answer.mode, answer.decided_by), answer)
        first, *others = answers.values()
        if all(other.mode is first.mode for other in others):
            return first
        return ServerMode(
            first.mode,
            first.decided_by,
            first.overrides,
            decided=False,
            reason="the order of PeerAuthentications without creationTimestamp decides: "
            + ", ".join(sorted({str(answer.decided_by.policy) for answer in answers.values()})),
            alternatives=(first, *others),
        )

    def _mode(self, slots: Slots, port: int | None) -> ServerMode:
        mode, level, policy = slots.base()
        workload = slots.workload
        if workload is not None and port is not None and workload.ports.get(port) is not None:
            mode, level, policy = slots.mode(port), Level.PORT, workload
        return ServerMode(
            mode,
            DecidedBy(level, policy.resource if policy else None),
            tuple(self._overridden(slots, level, policy)),
        )

    def _overridden(
        self, slots: Slots, level: Level, decides: PeerPolicy | None
    ) -> Iterator[Overridden]:
        winners = ((Level.WORKLOAD, slots.workload), (Level.NAMESPACE, slots.namespace))
        ranks = list(Level)
        for (slot, winner), rivals in zip(
            (*winners, (Level.MESH, slots.mesh)), self.candidates, strict=True
        ):
            for policy in rivals:
                if policy is not winner:
                    yield Overridden(slot, policy.resource, policy.mode, "older")
                elif (
                    ranks.index(slot) > ranks.index(level)
                    and policy.mode is not None
                    and policy is not decides
                ):
                    yield Overridden(slot, policy.resource, policy.mode, "narrower")


# Rivals for the workload, the namespace and the mesh slot.
Slots3 = tuple[tuple["PeerPolicy", ...], tuple["PeerPolicy", ...], tuple["PeerPolicy", ...]]


class Servers:
    """The server side of a mesh: the class of any workload."""

    __slots__ = ("_classes", "_mesh", "policies")

    def __init__(self, policies: PeerPolicies) -> None:
        self.policies = policies
        self._mesh = tuple(sorted(policies.mesh, key=age))
        self._classes: dict[tuple[str, tuple[int, ...]], ServerClass] = {}

    def of(self, namespace: str, own: Labels) -> ServerClass:
        """The class of a workload with these labels."""
        selecting = self.policies.selecting(namespace, own)
        key = namespace, tuple(map(id, selecting))
        server = self._classes.get(key)
        if server is None:
            plain = self.policies.namespaces.get(namespace, ())
            candidates = (
                tuple(sorted(selecting, key=age)),
                tuple(sorted(plain, key=age)),
                self._mesh,
            )
            server = self._classes[key] = ServerClass(namespace, candidates)
        return server


def _distinct(candidates: Slots3) -> Iterator[Slots]:
    """Every possible set of winners, those of equal content only once."""
    seen = set()
    workload, namespace, mesh = (possible_oldest(rivals) or (None,) for rivals in candidates)
    for choice in itertools.product(mesh, namespace, workload):
        slots = Slots(*choice)
        mark = tuple(
            (policy.mode, tuple(sorted(policy.ports.items()))) if policy else None
            for policy in choice
        )
        if mark not in seen:
            seen.add(mark)
            yield slots
