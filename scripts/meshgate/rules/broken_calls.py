"""Calls that count and do not work, grouped so that one cause is one finding."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

from meshgate.mesh import (
    CallClass,
    ClientGroup,
    DataPlane,
    Delivery,
    Mesh,
    Outcome,
    ServerMode,
    Tls,
    Verdict,
    Workload,
    verdict,
)
from meshgate.mesh.calls import is_misread
from meshgate.model import Expectation, Resource
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import RelatedResource, SharedCause, Violation
from meshgate.rules.wording import SHOWN, listed
from meshgate.wording import agree

# Clients whose broken calls always count; one without a proxy counts where somebody expects it.
COUNTED = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY, DataPlane.AMBIENT})


class Broken(Struct, eq=False):
    """Calls to one service port that fail for one reason.

    `delivery` is one of them, in the order of creation that breaks it; `open_order` says that
    another order does not. `rule` and `path` are the DestinationRule that states what is sent, None
    where auto mTLS decides.
    """

    call: CallClass
    delivery: Delivery
    server: ServerMode | None
    rule: Resource | None
    path: str
    open_order: bool
    groups: dict[int, ClientGroup] = field(default_factory=dict)
    workloads: dict[str, Workload | None] = field(default_factory=dict)
    # Clients without a proxy that an expectation names.
    expected: list[Workload] = field(default_factory=list)

    @property
    def target(self) -> str:
        """The service port, and the subset if there is one."""
        subset = f" subset {self.call.subset}" if self.call.subset else ""
        return f"{self.call.service.host}:{self.call.port.number}{subset}"

    @property
    def clients(self) -> str:
        """The clients by name; of many the first few."""
        if self.expected:
            return listed(map(str, self.expected))
        groups = self.groups.values()
        members = itertools.chain.from_iterable(group.members for group in groups)
        first = itertools.islice(members, SHOWN)
        return listed(map(str, first), total=sum(group.count for group in groups))

    @property
    def servers(self) -> str:
        """The workloads behind the service port that these calls end at."""
        return listed(self.workloads)

    def of_servers(self, one: str, many: str) -> str:
        """The form of a word that goes with the number of servers."""
        return agree(len(self.workloads), one, many)

    @property
    def has_sidecar(self) -> bool:
        """Whether a sidecar stands at the receiving end."""
        return any(workload and workload.has_sidecar for workload in self.workloads.values())

    @property
    def is_captured(self) -> bool:
        """Whether the sidecar of the server gets what is sent: annotations may keep it out."""
        return self.server is None or self.server.captured

    @property
    def is_misread(self) -> bool:
        """Whether bytes of TCP are parsed as HTTP: CA015 reports it."""
        return is_misread(self.delivery, self.call.port)

    def ends_at(self, plane: DataPlane) -> bool:
        """Whether some of these calls end at a workload of this kind."""
        return any(workload and workload.plane is plane for workload in self.workloads.values())

    @property
    def policy(self) -> Resource | None:
        """The PeerAuthentication that decides what the server takes."""
        return self.server.decided_by.policy if self.server else None

    @property
    def is_auto(self) -> bool:
        """Whether auto mTLS chose what is sent."""
        policy = self.call.policy
        return policy is not None and policy.tls is Tls.NONE and not policy.dropped

    @property
    def is_bypassing(self) -> bool:
        """Whether annotations keep these calls from the clients' own sidecars."""
        return self.call.clients.plane is DataPlane.SIDECAR and self.call.policy is None

    @property
    def sent_by(self) -> str:
        """Which object says what is sent."""
        if self.expected:
            return "there is no sidecar"
        if self.is_bypassing:
            return "their proxies do not capture that port"
        if self.rule is None:
            return "auto mTLS decides"
        stated = "leaves it to auto mTLS" if self.is_auto else "says so"
        return f"{self.rule} {stated}"

    @property
    def taken_by(self) -> str:
        """Which object says what the server takes."""
        if self.ends_at(DataPlane.GATEWAY):
            return "it is a gateway, and no server of its Gateway resources answers that"
        if not self.is_captured:
            return "its sidecar does not capture that port, so that the application gets it"
        if self.server is None or self.server.mode is None:
            return "there is no sidecar"
        return f"{self.server.mode} by {self.policy or 'default'}"


def broken_calls(context: Context) -> Iterator[Broken]:
    """The groups of one environment; nothing without an inventory."""
    if context.mesh is not None:
        yield from _of(context.mesh)
        yield from _expected(context.mesh, context.environment.expectations)


# Several rules ask for the same mesh.
@functools.lru_cache(maxsize=4)
def _of(mesh: Mesh) -> tuple[Broken, ...]:
    by_key: dict[tuple[object, ...], Broken] = {}
    for call in mesh.call_classes():
        # A proxy that does not know a service is not meant to call it.
        if call.clients.plane in COUNTED and call.clients.count and not call.hidden:
            for delivery in _failing(call):
                broken = _broken(mesh, call, delivery)
                first = by_key.setdefault(_key(broken), broken)
                first.groups[id(call.clients)] = call.clients
                first.workloads |= broken.workloads
    return tuple(by_key.values())


def _expected(mesh: Mesh, expectations: Iterable[Expectation]) -> Iterator[Broken]:
    """Calls of clients without a proxy that an expectation wants to work."""
    by_key: dict[tuple[object, ...], Broken] = {}
    for expectation in expectations:
        wanted = verdict(Outcome(expectation.outcome), None)
        namespace, _, name = expectation.client.partition("/")
        try:
            client = mesh.workload(namespace, name)
            service = mesh.service(expectation.host, namespace)
        except LookupError:
            continue  # CA008 names it
        if wanted is not Verdict.WORKS or client.plane in COUNTED:
            continue
        own = mesh.clients.class_of(client)
        for call in mesh.call_classes([service]):
            if own is not None and call.clients.has(own) and call.port.number == expectation.port:
                for delivery in _failing(call):
                    broken = _broken(mesh, call, delivery)
                    first = by_key.setdefault(_key(broken), broken)
                    first.workloads |= broken.workloads
                    if client not in first.expected:
                        first.expected.append(client)
    yield from by_key.values()


def _failing(call: CallClass) -> Iterator[Delivery]:
    """The deliveries that fail for their transport: who may call is no matter of it."""
    for delivery in call.broken:
        is_denied = delivery.outcome is Outcome.DENIED and delivery.admission is not None
        if not is_denied and delivery.outcome is not Outcome.BLOCKED:
            yield delivery


def _broken(mesh: Mesh, call: CallClass, delivery: Delivery) -> Broken:
    failing = next(
        each
        for each in (delivery, *delivery.alternatives)
        if verdict(each.outcome, each.transport) is Verdict.BROKEN
    )
    rule, path = _stated(mesh, call)
    endpoint = delivery.endpoint
    workload = endpoint.workload if endpoint else None
    return Broken(
        call,
        failing,
        mesh.mode_at(workload, endpoint.port) if workload and endpoint else None,
        rule,
        path,
        open_order=failing is not delivery,
        workloads={str(workload or endpoint.address): workload} if endpoint else {},
    )


def _stated(mesh: Mesh, call: CallClass) -> tuple[Resource | None, str]:
    """The DestinationRule, and the path in it, that states TLS or leaves it out."""
    if call.policy is None or not call.policy.rules:
        return None, ""
    client = next(call.clients.members)
    try:
        source = mesh.explain(client, call.service.host, call.port.number, call.subset).tls
    except LookupError:
        return call.policy.rules[0], "spec.host"
    if source is None:
        return call.policy.rules[0], "spec.host"
    return source.rule, source.path


def _key(broken: Broken) -> tuple[object, ...]:
    call, delivery = broken.call, broken.delivery
    return (
        call.service.host,
        call.port.number,
        call.subset,
        # Who bypasses the own proxy is out of reach of all rules.
        broken.is_bypassing,
        id(broken.rule),
        id(broken.policy),
        delivery.transport,
        delivery.mode,
        delivery.outcome,
        broken.open_order,
    )


def violation(
    broken: Broken,
    what: str,
    fix: str,
    *,
    at: Callable[[Broken], tuple[Resource, str]] | None = None,
    related: tuple[RelatedResource, ...] = (),
) -> Violation:
    """A finding at the object that decides what is sent, else at what decides what is taken."""
    resource, path = at(broken) if at else place(broken)
    order = "; another order of creation does not break it" if broken.open_order else ""
    others = [
        RelatedResource(other, text, where)
        for other, text, where in (
            (broken.rule, "decides what the clients send", broken.path),
            (broken.policy, "decides what the server takes", taken_at(broken)[1]),
            (broken.call.service.resource, "is the Service that is called", ""),
        )
        if other is not None and other is not resource
    ]
    return Violation(
        resource,
        path,
        what + order,
        fix=fix,
        related=(*related, *others),
        key=broken.target,
        group=SharedCause(
            f"{resource.ref} {path} {_way(broken)}",
            broken.target,
            lambda names: f"{what}{order}; so do those to {by_host(names[1:])}",
            f"{fix}; likewise for the others" if fix else "",
        ),
        about=broken.call.service.host,
    )


def by_host(targets: Iterable[str]) -> str:
    """Service ports, those of one host together."""
    ports: dict[str, list[str]] = {}
    for target in targets:
        ports.setdefault(target.partition(":")[0], []).append(target)
    return listed(
        own[0] if len(own) == 1 else f"{host} ({len(own)} ports)" for host, own in ports.items()
    )


def _way(broken: Broken) -> tuple[object, ...]:
    """How calls fail: those that one object makes fail in one way have one repair."""
    return (
        broken.delivery.transport,
        broken.delivery.outcome,
        broken.open_order,
        broken.has_sidecar,
        broken.is_captured,
        broken.is_bypassing,
        broken.ends_at(DataPlane.GATEWAY),
        broken.ends_at(DataPlane.AMBIENT),
        bool(broken.expected),
        broken.call.subset is None,
    )


def place(broken: Broken) -> tuple[Resource, str]:
    """Where a person edits: the rule of the clients, the policy of the server, or the Service."""
    if broken.rule is not None:
        return broken.rule, broken.path
    return taken_at(broken)


def taken_at(broken: Broken) -> tuple[Resource, str]:
    """The policy that decides what the server takes, or the Service where there is none."""
    policy = broken.policy
    if policy is None:
        return broken.call.service.resource, "spec"
    port = broken.delivery.endpoint.port if broken.delivery.endpoint else None
    return policy, pa.port_path(policy, port)
