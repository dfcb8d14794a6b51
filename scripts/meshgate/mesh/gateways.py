"""Gateways: the listeners of their pods, as Gateway resources ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshgate.mesh import protocols, selectors
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.order import age

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meshgate.mesh.catalog import Catalog
    from meshgate.mesh.registry import Registry
    from meshgate.mesh.selectors import Labels
    from meshgate.mesh.virtual_services import VirtualServicePolicy
    from meshgate.mesh.workloads import Workload
    from meshgate.model import JSON, JSONObject, Resource

PLAINTEXT = "plaintext"
_ANY = "*"
# Labels of a Service that keeps its ports out of the translation below.
_NO_TRANSLATION = "experimental.istio.io/disable-gateway-port-translation"


class GatewayServer(NamedTuple):
    """One server of a Gateway resource on a gateway's pods.

    number  the port that the Gateway names
    port    the port that is bound on the pod
    names   the TLS server names it answers; empty: all
    mode    `plaintext`, or the mode of its `tls`
    """

    gateway: Resource
    number: int
    port: int
    names: tuple[str, ...]
    mode: str
    protocol: str
    is_https: bool
    # As written: `[namespace/]host`.
    hosts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The Gateway's `namespace/name`."""
        return f"{namespace_of(self.gateway)}/{self.gateway.name}"

    @property
    def is_passthrough(self) -> bool:
        """Whether it hands on TLS as it comes."""
        return self.mode in {"PASSTHROUGH", "AUTO_PASSTHROUGH"}

    @property
    def is_http(self) -> bool:
        """Whether it routes requests, after TLS perhaps."""
        return self.protocol == protocols.HTTP or (self.is_https and not self.is_passthrough)

    def accepts(self, policy: VirtualServicePolicy) -> bool:
        """Whether a VirtualService may route for one of its hosts."""
        for entry in self.hosts:
            place, slash, host = entry.rpartition("/")
            allowed = {"": None, "*": None, ".": namespace_of(self.gateway)}.get(place, place)
            if (not slash or allowed in {None, policy.namespace}) and policy.covers(host):
                return True
        return False


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
        found = self._servers.get(id(workload))
        if found is None:
            found = self._servers[id(workload)] = tuple(_merged(self._asked(workload)))
        return found

    def _asked(self, workload: Workload) -> Iterator[tuple[GatewayServer, str]]:
        for gateway in self.of(workload):
            for server in gateway.servers:
                port: JSON = server.get("port")
                if not isinstance(port, dict) or not isinstance(port.get("number"), int):
                    continue
                bound = self._registry.bound(workload, port["number"], _NO_TRANSLATION)
                yield _server(gateway, server, port, bound), str(server.get("bind") or "")


def _server(
    gateway: GatewayPolicy, server: JSONObject, port: JSONObject, bound: int
) -> GatewayServer:
    protocol = protocols.parse(str(port.get("protocol") or ""))
    tls: JSON = server.get("tls")
    # A `tls` block on an HTTP port only redirects to HTTPS.
    is_tls = isinstance(tls, dict) and protocol != protocols.HTTP
    names = sorted({str(host).rpartition("/")[2] for host in server.get("hosts") or ()})
    return GatewayServer(
        gateway.resource,
        port["number"],
        bound,
        () if not is_tls or _ANY in names else tuple(names),
        # The zero of the enumeration is PASSTHROUGH.
        str(tls.get("mode") or "PASSTHROUGH") if is_tls else PLAINTEXT,
        protocol,
        str(port.get("protocol") or "").upper() == "HTTPS",
        tuple(str(host) for host in server.get("hosts") or ()),
    )


def _merged(asked: Iterable[tuple[GatewayServer, str]]) -> Iterator[GatewayServer]:
    """The servers that stay when all are merged on their ports (mergeGateways)."""
    names: dict[tuple[int, str], set[str]] = {}
    plain: dict[tuple[int, str], str] = {}
    for server, bind in asked:
        key = server.port, bind
        first = plain.get(key)
        if server.mode == PLAINTEXT:
            if first is not None and not first == server.protocol == protocols.HTTP:
                continue
            plain.setdefault(key, server.protocol)
        else:
            own = set(server.names or (_ANY,))
            if first is not None or not own.isdisjoint(names.get(key, ())):
                continue
            names.setdefault(key, set()).update(own)
        yield server


def speaks(servers: Sequence[GatewayServer], port: int) -> list[GatewayServer]:
    """The servers on one port of the pod."""
    return [server for server in servers if server.port == port]
