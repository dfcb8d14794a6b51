"""What a change does: the values that reports, rules and promotion read."""

from __future__ import annotations

import enum
import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from meshgate.effect.clients import Clients
from meshgate.effect.closures import Closure
from meshgate.effect.verdicts import BREAKING, Change
from meshgate.mesh import (
    Admission,
    Blocking,
    DataPlane,
    DecidedBy,
    Mode,
    Outcome,
    Request,
    Tls,
    Transport,
    Verdict,
    Workload,
)
from meshgate.model import Resource


class PortState(Struct, frozen=True):
    """What a server port enforces. `mode` None: nothing before the application does.

    `decided` False: `reason` says what files leave open, and `modes` is all that may be.
    """

    mode: Mode | None
    decided_by: DecidedBy
    decided: bool = True
    reason: str = ""
    modes: tuple[Mode | None, ...] = ()


class Strength(enum.StrEnum):
    """Whether a port takes less than before, or more."""

    TIGHTENED = "tightened"
    LOOSENED = "loosened"


class PortChange(Struct, frozen=True):
    """A server port whose mode changes; `port` None: ports that no port table names.

    `decided` False: it may change so, in some order of creation or past what files tell.
    """

    workload: Workload
    port: int | None
    before: PortState
    after: PortState
    change: Strength
    decided: bool = True
    reason: str = ""

    @property
    def namespace(self) -> str:
        return self.workload.namespace

    def __str__(self) -> str:
        return f"{self.workload}:{self.port if self.port is not None else '*'}"


# Stands for every port of a workload that no file names.
ANY_PORT = 0


class EndpointName(NamedTuple):
    """Where a call ends: a workload's port, or an address outside the inventory."""

    namespace: str
    workload: str | None
    kind: str
    address: str | None
    port: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.workload or self.address}:{port_name(self.port)}"


def port_name(port: int) -> str:
    """A port as people write it; `*` for those that no file names."""
    return str(port) if port != ANY_PORT else "*"


class CallState(Struct, frozen=True):
    """What becomes of a call on one side, and who decides it.

    `mode` is what the server enforces, `rules` are the DestinationRules that decide what is sent.
    `outcomes`: every outcome that some order of creation gives; empty where all agree.
    """

    outcome: Outcome
    transport: Transport | None
    verdict: Verdict
    tls: Tls
    mode: Mode | None
    rules: tuple[Resource, ...]
    subset: str | None
    endpoint: EndpointName | None
    reason: str = ""
    outcomes: tuple[Outcome, ...] = ()
    # What policies let in; None: none applies.
    admission: Admission | None = None
    # What NetworkPolicies stop; None: nothing.
    blocking: Blocking | None = None


class CallChange(Struct, frozen=True):
    """Calls that change alike and differ only in the client.

    `before` or `after` None: the call is not made on that side.
    `counts`: somebody relies on it, so that a break is one; see "a call that counts".
    `decided` False: it may change so, and `reason` says what that depends on.
    """

    clients: Clients
    host: str
    port: int
    before: CallState | None
    after: CallState | None
    change: Change
    counts: bool
    decided: bool = True
    reason: str = ""
    # Objects on whose side something is to be edited: the Service that is called.
    service: Resource | None = None
    # The VirtualService that takes them elsewhere, where one does.
    route: Resource | None = None
    # Of requests that are let in or denied now: an example, and all of them in few words.
    witness: Request | None = None
    requests: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many calls these are."""
        return self.clients.count

    @property
    def subset(self) -> str | None:
        """The subset that is called, afterwards where it was not called before."""
        return self._state.subset

    @property
    def endpoint(self) -> EndpointName | None:
        """Where the calls end, afterwards where they were not made or ended nowhere before."""
        if self.before is not None and self.before.endpoint is not None:
            return self.before.endpoint
        return self.after.endpoint if self.after is not None else None

    @property
    def _state(self) -> CallState:
        state = self.before or self.after
        assert state is not None
        return state

    def lines(self) -> Iterator[str]:
        """Each call in one line that names it: what a digest is made of."""
        called = f"{self.host}:{self.port} {self.subset or '-'} {self.endpoint or '-'}"
        if self.clients.label:
            yield f"{self.clients.label} - {called}"
        for client in self.clients.members:
            yield f"{client.namespace}/{client.name} {client.kind} {called}"


class Unsafe(Struct, frozen=True):
    """Calls that work before and after the change and may fail on the way there.

    Proxies get a change one by one; `combination` is the client and the server that do not fit.
    """

    clients: Clients
    host: str
    port: int
    before: CallState
    after: CallState
    combination: str
    outcome: Outcome
    transport: Transport | None
    mode: Mode | None
    counts: bool
    decided: bool = True
    reason: str = ""
    service: Resource | None = None

    @property
    def count(self) -> int:
        """How many calls these are."""
        return self.clients.count

    @property
    def endpoint(self) -> EndpointName | None:
        """Where the calls end before the change."""
        return self.before.endpoint


OLD_CLIENT = "old client, new server"
NEW_CLIENT = "new client, old server"
# Within one proxy, between the update of its clusters and that of its routes.
NEW_ROUTES = "new routes, old clusters"
OLD_ROUTES = "old routes, new clusters"


class Uncovered(Struct, frozen=True):
    """A policy that is deleted, or decides less than it did, and what decides now in its place.

    `policy` is the object as it was; `is_deleted` says that it is gone. `now` None: a default
    decides, of Istio for ports and auto mTLS for calls.
    """

    policy: Resource
    is_deleted: bool
    now: Resource | None
    ports: tuple[PortChange, ...] = ()
    calls: tuple[CallChange, ...] = ()


class Unexercised(Struct, frozen=True):
    """A change that the environment before this one has not been through.

    `upstream` is that environment, `there` what is so there; empty: it is not there at all.
    """

    change: PortChange | CallChange
    upstream: str
    there: str


class UndecidedPolicy(Struct, frozen=True):
    """A policy whose change cannot be judged.

    The inventory lacks what it is about, or (`unread`) the model does not read its kind.
    """

    policy: Resource
    reason: str
    unread: bool = False


class Effect(Struct, frozen=True, dict=True):
    """All that a change does to one mesh.

    `ports` and `calls` are certain; what only may happen is in `open_ports`, `open_calls`, and
    `open_policies`. `added` and `removed` are workloads of one inventory only.
    """

    ports: tuple[PortChange, ...] = ()
    calls: tuple[CallChange, ...] = ()
    unsafe: tuple[Unsafe, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    unexercised: tuple[Unexercised, ...] = ()
    open_ports: tuple[PortChange, ...] = ()
    open_calls: tuple[CallChange, ...] = ()
    open_policies: tuple[UndecidedPolicy, ...] = ()
    added: tuple[Workload, ...] = ()
    removed: tuple[Workload, ...] = ()
    # Changed policies of authorization; where no call changes, no request does.
    authorization: tuple[Resource, ...] = ()
    # Changed NetworkPolicies.
    network_policies: tuple[Resource, ...] = ()
    # Workloads that are closed by default on one side only.
    closures: tuple[Closure, ...] = ()
    # How many clients there are, by what stands between them and the wire.
    clients: Mapping[DataPlane, int] = field(default_factory=dict)

    def of(self, *changes: Change) -> tuple[CallChange, ...]:
        """The certain changes of calls of these kinds."""
        return tuple(each for each in self.calls if each.change in changes)

    def perhaps(self, *changes: Change) -> tuple[CallChange, ...]:
        """The changes of calls of these kinds, also those that only may happen."""
        return tuple(each for each in (*self.calls, *self.open_calls) if each.change in changes)

    @property
    def breaks(self) -> tuple[CallChange, ...]:
        """Calls that count, work before, and fail afterwards or are led away from their host."""
        return self.of(*BREAKING)

    @property
    def shut_out(self) -> tuple[CallChange, ...]:
        """Calls of clients outside the mesh that nobody relies on, and that are refused now."""
        return self.of(Change.SHUT_OUT)

    @property
    def opened(self) -> tuple[CallChange, ...]:
        """Calls of which policies let requests in that they denied before."""
        return self.of(Change.OPENED)

    @property
    def encrypted(self) -> tuple[CallChange, ...]:
        return self.of(Change.ENCRYPTED)

    @property
    def exposed(self) -> tuple[CallChange, ...]:
        return self.of(Change.EXPOSED)

    @property
    def tightened(self) -> tuple[PortChange, ...]:
        return tuple(each for each in self.ports if each.change is Strength.TIGHTENED)

    @property
    def loosened(self) -> tuple[PortChange, ...]:
        return tuple(each for each in self.ports if each.change is Strength.LOOSENED)

    @property
    def undecided(self) -> tuple[PortChange | CallChange | Unsafe | UndecidedPolicy, ...]:
        """What may happen and cannot be told, never a pass."""
        transitions = tuple(each for each in self.unsafe if not each.decided)
        return (*self.open_ports, *self.open_calls, *transitions, *self.open_policies)

    @property
    def closed(self) -> tuple[CallChange, ...]:
        """Calls of which policies deny requests that they let in before; others still get in."""
        return self.of(Change.CLOSED)

    @property
    def is_proven(self) -> bool:
        """Whether policies of authorization change, and nothing does for any request of anybody."""
        return bool(self.authorization) and not self.network_policies and self.is_empty

    @property
    def is_safe(self) -> bool:
        """Whether every call that works before and after works on the way there."""
        return not self.unsafe

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes, and nothing may change."""
        return not (self.ports or self.calls or self.unsafe or self.undecided)

    @functools.cached_property
    def breaks_digest(self) -> str:
        """SHA-256 of the exact set of breaking calls, sorted; empty where there is none."""
        broken_lines = sorted(line for each in self.breaks for line in each.lines())
        return hashlib.sha256("\n".join(broken_lines).encode()).hexdigest() if broken_lines else ""
