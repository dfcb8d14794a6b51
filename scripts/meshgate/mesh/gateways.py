"""Gateways: the listeners of their pods, as Gateway resources ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshgate.mesh import protocols, selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.order import age
from meshgate.mesh.registry import Registry
from meshgate.mesh.selectors import Labels
from meshgate.mesh.virtual_services import VirtualServicePolicy
from meshgate.mesh.workloads import Workload
from meshgate.model import JSON, JSONObject, Resource

PLAINTEXT = "plaintext"
PASSTHROUGH = "PASSTHROUGH"
AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
_ANY = "*"
# Labels of a Service that keeps its ports out of the translation below.
_NO_TRANSLATION = "experimental.istio.io/disable-gateway-port-translation"


class GatewayServer(Struct, frozen=True):
    """One server of a Gateway resource on a gateway's pods.

    number  the port that the Gateway names
    port    the port that is bound on the pod
    bind    the address it is bound to; empty: all
    mode    `plaintext`, or the mode of its `tls`
    hosts   as `[namespace/]host`
    redirects  HTTP that is led to HTTPS
    """

    gateway: Resource
    number: int
    port: int
    bind: str
    mode: str
    protocol: str
    is_https: bool
    hosts: tuple[str, ...]
    redirects: bool = False

    @property
    def name(self) -> str:
        """The Gateway's `namespace/name`."""
        return f"{namespace_of(self.gateway)}/{self.gateway.name}"

    @property
    def is_passthrough(self) -> bool:
        """Whether it hands on TLS as it comes."""
        return self.mode in {PASSTHROUGH, AUTO_PASSTHROUGH}

    @property
    def is_http(self) -> bool:
        """Whether it routes requests, after TLS perhaps."""
        return self.protocol == protocols.HTTP or (self.is_https and not self.is_passthrough)

    @property
    def names(self) -> tuple[str, ...]:
        """The TLS server names of its hosts; empty: all (GetSNIHostsForServer)."""
        own = {host.rpartition("/")[2] for host in self.hosts}
        return () if _ANY in own else tuple(sorted(own))

    def accepts(self, policy: VirtualServicePolicy) -> bool:
        """Whether a VirtualService may route for one of its hosts (pickMatchingGatewayHosts)."""
        return any(
            place in {"", policy.namespace} and policy.covers(host)
            for place, _, host in (entry.rpartition("/") for entry in self.hosts)
        )


class GatewayPolicy:
    """A Gateway resource."""

    __slots__ = ("created", "name", "namespace", "resource", "selector", "servers")

    def __init__(self, resource: Resource, created: str) -> None:
        self.resource = resource
        self.namespace = namespace_of(resource)
        self.name = resource.name
        self.created = created
        selector = resource.spec.get("selector")
        # None: every gateway.
        self.selector: Labels | None = selectors.labels(selector) if selector else None
        self.servers: list[JSONObject] = [
            item for item in resource.spec.get("servers") or () if isinstance(item, dict)
        ]

    def selects(self, workload: Workload) -> bool:
        """Whether a gateway workload serves it, whatever the namespaces."""
        return self.selector is None or selectors.matches(self.selector, workload.labels)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Gateways:
    """The Gateway resources of one mesh."""

    __slots__ = ("_registry", "_servers", "all")

    def __init__(self, catalog: Catalog, registry: Registry) -> None:
        self._registry = registry
        self._servers: dict[int, tuple[GatewayServer, ...]] = {}
        self.all = sorted(
            (GatewayPolicy(each, catalog.created(each)) for each in catalog.of("Gateway")), key=age
        )

    def of(self, workload: Workload) -> list[GatewayPolicy]:
        """The Gateway resources that a gateway workload serves, the oldest first."""
        return [gateway for gateway in self.all if gateway.selects(workload)]

    def servers(self, workload: Workload) -> tuple[GatewayServer, ...]:
        """The servers of a gateway workload, without those that Istio drops for a conflict."""
        servers = self._servers.get(id(workload))
        if servers is None:
            servers = self._servers[id(workload)] = tuple(_merged(self._asked(workload)))
        return servers

    def _asked(self, workload: Workload) -> Iterator[GatewayServer]:
        for gateway in self.of(workload):
            for server in gateway.servers:
                port: JSON = server.get("port")
                if isinstance(port, dict) and isinstance(port.get("number"), int):
                    bound = self._registry.bound(workload, port["number"], _NO_TRANSLATION)
                    yield _server(gateway, server, port, bound)


def _server(
    gateway: GatewayPolicy, server: JSONObject, port: JSONObject, bound: int
) -> GatewayServer:
    protocol = protocols.parse(str(port.get("protocol") or ""))
    tls: JSON = server.get("tls")
    # A `tls` block on an HTTP port only redirects to HTTPS.
    is_tls = isinstance(tls, dict) and protocol != protocols.HTTP
    return GatewayServer(
        gateway.resource,
        port["number"],
        bound,
        str(server.get("bind") or ""),
        # The zero of the enumeration is PASSTHROUGH.
        str(tls.get("mode") or PASSTHROUGH) if is_tls else PLAINTEXT,
        protocol,
        str(port.get("protocol") or "").upper() == "HTTPS",
        tuple(_hosts(server.get("hosts") or (), gateway.namespace)),
        isinstance(tls, dict) and tls.get("httpsRedirect") is True and not is_tls,
    )


def _hosts(values: Iterable[JSON], namespace: str) -> list[str]:
    """Hosts with their namespace spelled out (sanitizeServerHostNamespace)."""
    hosts = []
    for value in map(str, values):
        place, slash, host = value.partition("/")
        if slash and place == _ANY:
            if host == _ANY:
                return [_ANY]
            hosts.append(host)
        else:
            hosts.append(f"{namespace}/{host}" if slash and place == "." else value)
    return hosts


def _merged(asked: Iterable[GatewayServer]) -> Iterator[GatewayServer]:
    """The servers that stay when all are merged on their ports (mergeGateways)."""
    hosts: dict[tuple[int, str], set[str]] = {}
    plain: dict[int, GatewayServer] = {}
    for server in asked:
        if server.mode != PLAINTEXT:
            own = hosts.setdefault((server.port, server.bind), set())
            if not own.isdisjoint(server.hosts):
                continue
            own.update(server.hosts)
        first = plain.get(server.port)
        if first is not None and first.bind == server.bind:
            if not first.protocol == server.protocol == protocols.HTTP:
                continue
        elif first is None and server.mode == PLAINTEXT:
            plain[server.port] = server
        yield server
