"""What ztunnel accepts for an ambient workload: PeerAuthentications become deny rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh.order import ORDER, age, possible_oldest
from meshgate.mesh.peer_authentication import PeerPolicies, PeerPolicy
from meshgate.mesh.selectors import Labels
from meshgate.mesh.servers import DecidedBy, ServerMode, Slots
from meshgate.mesh.terms import Level, Mode, Outcome, Transport

_OPEN = frozenset({Mode.PERMISSIVE, Mode.DISABLE})


class Denials(Struct, frozen=True):
    """One possible set of deny rules for a workload.

    `slots` decide which rules are attached; `top` are the policies that the conversion of port
    exceptions looks at, which must not even have an empty selector.
    """

    slots: Slots
    top: Slots

    def mode(self, port: int) -> Mode:
        """STRICT where plaintext to the port is denied, else PERMISSIVE; DISABLE never refuses."""
        static, converted = self._attached()
        denied = static or (converted and self._converted_denies(port))
        return Mode.STRICT if denied else Mode.PERMISSIVE

    def decided_by(self, port: int) -> DecidedBy:
        """The policy that the answer for a port comes from."""
        workload = self.slots.workload
        if workload is not None and self._attached()[1] and workload.ports.get(port) is not None:
            return DecidedBy(Level.PORT, workload.resource)
        _, level, policy = self.slots.base()
        return DecidedBy(level, policy.resource if policy else None)

    def converted(self) -> PeerPolicy | None:
        """The workload policy whose conversion is attached; None: the static rule, or nothing."""
        static, converted = self._attached()
        return self.slots.workload if converted and not static else None

    def _attached(self) -> tuple[bool, bool]:
        """Whether the mesh's static STRICT rule and the converted workload policy are attached.

        The source is convertedSelectorPeerAuthentications.
        """
        strict = self.slots.namespace_mode() is Mode.STRICT
        workload = self.slots.workload
        if workload is None:
            return strict, False
        if workload.mode is not None:
            strict = workload.mode is Mode.STRICT
        modes = set(workload.ports.values())
        if not strict:
            return False, Mode.STRICT in modes
        exceptions = _OPEN if workload.mode is Mode.STRICT else {Mode.PERMISSIVE}
        converted = not modes.isdisjoint(exceptions)
        return not converted, converted

    def _converted_denies(self, port: int) -> bool:
        """Whether the converted workload policy denies plaintext to a port.

        The source is convertPeerAuthentication.
        """
        policy = self.slots.workload
        assert policy is not None
        namespace = self.top.namespace
        strict_above = self.top.namespace_mode() is Mode.STRICT
        inherits = namespace is None or namespace.mode is None
        if policy.ports.get(port) is Mode.STRICT and not (
            policy.mode is Mode.STRICT
            or (policy.mode is None and strict_above)
            or (inherits and strict_above)
        ):
            return True
        exceptions = self._exceptions(policy)
        if exceptions:
            return port not in exceptions
        return False

    def _exceptions(self, policy: PeerPolicy) -> set[int]:
        """The ports that a policy which is STRICT by itself or from above lets out."""
        if policy.mode in _OPEN:
            return set()
        if policy.mode is None:
            namespace, mesh = self.top.namespace, self.top.mesh
            above = namespace or mesh
            if above is None or above.mode is not Mode.STRICT:
                return set()
        return {port for port, mode in policy.ports.items() if mode in _OPEN}


class Ambient:
    """The ambient side of a mesh's PeerAuthentications."""

    __slots__ = ("_cached", "_policies")

    def __init__(self, policies: PeerPolicies) -> None:
        self._policies = policies
        self._cached: dict[tuple[str, tuple[int, ...]], tuple[Denials, ...]] = {}

    def denials(self, namespace: str, own: Labels) -> tuple[Denials, ...]:
        """The possible deny rules of a workload; several where order decides.

        ztunnel's index keeps no order among policies of one second.
        """
        selecting = self._policies.selecting(namespace, own)
        key = namespace, tuple(map(id, selecting))
        denials = self._cached.get(key)
        if denials is None:
            denials = self._cached[key] = tuple(self._possible(namespace, selecting))
        return denials

    def server_mode(self, namespace: str, own: Labels, port: int | None) -> ServerMode:
        """What ztunnel enforces on a port; None: on ports that no port table names."""
        answers: dict[Mode, ServerMode] = {}
        for each in self.denials(namespace, own):
            mode = each.mode(port or 0)
            answers.setdefault(mode, ServerMode(mode, each.decided_by(port or 0)))
        first, *others = answers.values()
        if not others:
            return first
        return ServerMode(
            first.mode,
            first.decided_by,
            decided=False,
            reason=ORDER,
            alternatives=(first, *others),
        )

    def _possible(self, namespace: str, selecting: Sequence[PeerPolicy]) -> Iterator[Denials]:
        mesh = [policy for policy in self._policies.mesh if not policy.has_selector]
        own = self._policies.namespaces.get(namespace, [])
        plain = [policy for policy in own if not policy.has_selector]
        choices = map(_oldest, (mesh, own, selecting, plain))
        for top, outer, workload, converted in itertools.product(*choices):
            yield Denials(Slots(top, outer, workload), Slots(top, converted, None))


def at_ztunnel(mode: Mode, transport: Transport) -> Outcome:
    """The outcome of bytes that come to ztunnel outside of HBONE."""
    if mode is Mode.STRICT:
        return Outcome.DENIED
    return Outcome.OK_PLAINTEXT if transport is Transport.PLAINTEXT else Outcome.TLS_TO_APP


def _oldest(rivals: Sequence[PeerPolicy]) -> Sequence[PeerPolicy | None]:
    """Those that may be the oldest, ties included."""
    oldest = list(possible_oldest(rivals))
    if not oldest:
        return (None,)
    dated = [policy.created for policy in oldest if policy.created]
    ties = [policy for policy in rivals if policy.created in dated and policy not in oldest]
    return oldest + sorted(ties, key=age)
