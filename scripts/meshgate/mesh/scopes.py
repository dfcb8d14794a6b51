"""Sidecar resources: the services a client's proxy knows, the ports a server's proxy has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import hosts, protocols, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.order import age, possible_oldest
from meshgate.mesh.selectors import Labels
from meshgate.mesh.services import Service
from meshgate.mesh.virtual_services import VirtualServicePolicy, visible
from meshgate.mesh.workloads import Workload
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

_ANY = "*"
# What calls to a host that a proxy does not know come to: they are blocked, not passed through.
_BLOCKED = "REGISTRY_ONLY"


def _outbound(spec: JSONObject) -> str:
    """The outboundTrafficPolicy mode of a Sidecar's spec; empty: the mesh's."""
    policy = spec.get("outboundTrafficPolicy")
    if not isinstance(policy, dict):
        return ""
    # The zero of the enumeration.
    return str(policy.get("mode") or _BLOCKED)


def is_blocking(mode: str, facts: MeshFacts) -> bool:
    """Whether a proxy of such a mode (empty: the mesh's) blocks calls to hosts it does not know."""
    return (mode or facts.outbound_traffic_policy) == _BLOCKED


class Listener(Struct, frozen=True):
    """One egress listener: hosts by namespace, `*` for all; `port` 0: of every port."""

    port: int
    included: dict[str, list[str]]
    excluded: dict[str, list[str]]

    def imports(self, service: Service) -> bool:
        """Whether it imports a service that its namespace can see (selectServices)."""
        places = service.namespace, _ANY
        if any(
            hosts.is_subset(service.host, host)
            for place in places
            for host in self.excluded.get(place, ())
        ):
            return False
        if self.port and service.port(self.port) is None:
            return False
        return any(
            hosts.is_subset(service.host, host)
            for place in places
            for host in self.included.get(place, ())
        )

    @property
    def is_everything(self) -> bool:
        """Whether it imports whatever its namespace can see."""
        return not self.port and not self.excluded and _ANY in self.included.get(_ANY, ())

    def takes(self, policy: VirtualServicePolicy) -> bool:
        """Whether it imports a VirtualService that its namespace can see (SelectVirtualServices).

        Unlike a service, a VirtualService is imported where the hosts overlap either way.
        """
        places = policy.namespace, _ANY
        return any(
            any(
                hosts.overlap(host, own) for place in places for own in self.included.get(place, ())
            )
            and not any(
                hosts.is_subset(host, own)
                for place in places
                for own in self.excluded.get(place, ())
            )
            for host in policy.hosts
        )


class SidecarPolicy:
    """A Sidecar resource, read as Istio reads it."""

    __slots__ = (
        "created",
        "ingress",
        "name",
        "namespace",
        "outbound",
        "resource",
        "selector",
        "spec",
    )

    def __init__(self, resource: Resource, created: str) -> None:
        self.resource = resource
        self.namespace = namespace_of(resource)
        self.name = resource.name
        self.created = created
        self.spec = resource.spec
        selector = self.spec.get("workloadSelector")
        # None: for every workload.
        self.selector: Labels | None = (
            selectors.labels(selector.get("labels")) if isinstance(selector, dict) else None
        )
        # Protocol by port of its ingress listeners; empty: those of the Services.
        self.ingress: dict[int, str] = dict(_ingress(self.spec.get("ingress")))
        # Its outboundTrafficPolicy mode; empty: the mesh's.
        self.outbound = _outbound(self.spec)


class Scope:
    """What a Sidecar resource means for the proxies of one namespace."""

    __slots__ = ("inferred", "listeners", "namespace", "policy", "virtual_services")

    def __init__(
        self, policy: SidecarPolicy, namespace: str, seen: Sequence[VirtualServicePolicy]
    ) -> None:
        """`seen` are the VirtualServices of the mesh that the namespace can see."""
        self.policy = policy
        self.namespace = namespace
        self.listeners = tuple(_listeners(policy.spec.get("egress"), namespace))
        # The VirtualServices that each listener imports.
        self.virtual_services = tuple(
            [each for each in seen if listener.takes(each)] for listener in self.listeners
        )
        # Hosts that these route to, with the ports they name; 0 is every port.
        self.inferred: dict[str, set[int]] = {}
        for listener, policies in zip(self.listeners, self.virtual_services, strict=True):
            for host, port in _routed(policies, namespace):
                self.inferred.setdefault(host, set()).add(listener.port or port)

    def routes(self, port: int) -> list[VirtualServicePolicy]:
        """The VirtualServices of the listener that serves a port (GetEgressListenerForRDS)."""
        for listener, policies in zip(self.listeners, self.virtual_services, strict=True):
            if listener.port in {0, port}:
                return policies
        return []

    @property
    def is_everything(self) -> bool:
        """Whether it imports every service that its namespace can see."""
        return any(listener.is_everything for listener in self.listeners)

    def ports(self, service: Service) -> frozenset[int]:
        """The ports of a service that it imports; empty: not imported."""
        numbers: set[int] = set()
        for listener in self.listeners:
            if listener.imports(service):
                if not listener.port:
                    return frozenset(port.number for port in service.ports)
                numbers.add(listener.port)
        for port in self.inferred.get(service.host, ()):
            numbers.update(each.number for each in service.ports if port in {0, each.number})
        return frozenset(numbers)

    @property
    def outbound(self) -> str:
        """Its outboundTrafficPolicy mode; empty: the mesh's."""
        return self.policy.outbound


class SidecarScopes:
    """The Sidecar resources of one mesh."""

    __slots__ = ("_built", "_by_namespace", "_root", "_virtual_services")

    def __init__(
        self, catalog: Catalog, root: str, virtual_services: Sequence[VirtualServicePolicy]
    ) -> None:
        self._virtual_services = virtual_services
        self._by_namespace: dict[str, list[SidecarPolicy]] = {}
        self._built: dict[tuple[int, str], Scope] = {}
        for resource in catalog.of("Sidecar"):
            policy = SidecarPolicy(resource, catalog.created(resource))
            self._by_namespace.setdefault(policy.namespace, []).append(policy)
        for policies in self._by_namespace.values():
            policies.sort(key=lambda each: (each.selector is None, *age(each)))
        self._root = [each for each in self._by_namespace.get(root, ()) if each.selector is None]

    def pass_on(self, facts: MeshFacts) -> bool:
        """Whether a proxy of the mesh may pass on calls to hosts that it does not know."""
        own = (each.outbound for policies in self._by_namespace.values() for each in policies)
        return not all(is_blocking(mode, facts) for mode in ("", *own))

    def of(self, workload: Workload) -> tuple[Scope, ...]:
        """The scopes a workload's proxy may have: none is the default, which sees everything.

        More than one only where the order of Sidecars without creationTimestamp decides.
        """
        if not self._by_namespace:
            return ()
        return tuple(self._scope(policy, workload.namespace) for policy in self._policies(workload))

    def _policies(self, workload: Workload) -> Sequence[SidecarPolicy]:
        own = self._by_namespace.get(workload.namespace, ())
        selecting = [
            each
            for each in own
            if each.selector is not None and selectors.matches(each.selector, workload.labels)
        ]
        plain = [each for each in own if each.selector is None]
        return possible_oldest(selecting or plain or self._root)

    def _scope(self, policy: SidecarPolicy, namespace: str) -> Scope:
        key = id(policy), namespace
        scope = self._built.get(key)
        if scope is None:
            seen = visible(self._virtual_services, namespace)
            scope = self._built[key] = Scope(policy, namespace, seen)
        return scope


def _listeners(egress: JSON, namespace: str) -> Iterator[Listener]:
    items = [item for item in egress if isinstance(item, dict)] if isinstance(egress, list) else []
    if not items:
        yield Listener(0, {_ANY: [_ANY]}, {})
    for item in items:
        port: JSON = item.get("port")
        number = 0
        if isinstance(port, dict) and str(port.get("protocol")).upper() != "HTTP_PROXY":
            number = port.get("number") or 0
        included: dict[str, list[str]] = {}
        excluded: dict[str, list[str]] = {}
        for place, host, out in _egress_hosts(item.get("hosts") or (), namespace):
            (excluded if out else included).setdefault(place, []).append(host)
        yield Listener(number, included, excluded)


def _routed(policies: Iterable[VirtualServicePolicy], namespace: str) -> Iterator[tuple[str, int]]:
    """The hosts and ports that imported VirtualServices name as destinations.

    HTTP routes for other source namespaces only do not count
    (virtualServiceDestinationsFilteredBySourceNamespace).
    """
    for policy in policies:
        for route in policy.routes:
            sources = [match.namespace for match in route.matches if match.namespace]
            if route in policy.http and sources and namespace not in sources:
                continue
            for destination in route.named:
                yield destination.host, destination.port


def _egress_hosts(values: Iterable[JSON], namespace: str) -> Iterator[tuple[str, str, bool]]:
    for value in values:
        place, slash, host = str(value).partition("/")
        if not slash or "/" in host:
            continue
        out = place.startswith("~")
        place = place.removeprefix("~") or _ANY
        yield namespace if place == "." else place, host, out


def _ingress(value: JSON) -> Iterator[tuple[int, str]]:
    for item in value if isinstance(value, list) else ():
        port = item.get("port") if isinstance(item, dict) else None
        if isinstance(port, dict) and isinstance(port.get("number"), int):
            yield port["number"], protocols.parse(str(port.get("protocol") or ""))
