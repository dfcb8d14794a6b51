"""Waypoints: which calls pass one, and whether files tell what it does (ambient/waypoints.go).

ztunnel sends a call to a Service that is enrolled, by its address, to the waypoint, which judges it
and sends it on under its own identity. Sidecars, clients without a proxy, and gateways without
`istio.io/ingress-use-waypoint` go around it (EndpointBuilder.findServiceWaypoint).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, structs

from meshgate.mesh import selectors
from meshgate.mesh.authorization import ServiceName
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import GATEWAY_API as GROUP
from meshgate.mesh.coverage import ISTIO_EXTENSIONS, ISTIO_NETWORKING
from meshgate.mesh.covers import named
from meshgate.mesh.services import Resolution, Service
from meshgate.mesh.workloads import GATEWAY_API, Workload
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

USE_WAYPOINT = "istio.io/use-waypoint"
_NAMESPACE = "istio.io/use-waypoint-namespace"
_CANARY = "istio.io/use-waypoint-canary"
_FOR_INGRESS = "istio.io/ingress-use-waypoint"
_TRAFFIC = "istio.io/waypoint-for"
_NONE = "none"
_CLASS = "istio-waypoint"
# Classes whose proxies are named as their Gateway is, without the class behind it (classinfo.go).
_UNSUFFIXED = frozenset(
    {_CLASS, "istio-agentgateway", "istio-agentgateway-waypoint", "istio-east-west"}
)
_MANAGED = "gateway.istio.io/managed"
_ACCOUNT = "gateway.istio.io/service-account"
_BINDING = "ambient.istio.io/waypoint-inbound-binding"
_HBONE = ("HBONE", 15008)
_OF_SERVICES = frozenset({"service", "all"})
_OF_WORKLOADS = frozenset({"workload", "all"})
# Contexts of an EnvoyFilter's patches that are for waypoints.
_CONTEXTS = frozenset({"", "ANY", "WAYPOINT"})
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


class Passage(NamedTuple):
    """A waypoint that judges the calls to a Service port and sends them on.

    accounts  the service accounts that its pods may run as
    port      of the Service: what the waypoint takes for the call's destination
    """

    namespace: str
    name: str
    accounts: tuple[str, ...]
    service: ServiceName
    port: int = 0
    protocol: str = ""

    def __str__(self) -> str:
        return f"waypoint {self.namespace}/{self.name}"


class Enrolment(Struct, frozen=True):
    """A waypoint before a service or a workload, by the label of `resource`.

    reason   why it is not known what becomes of calls by way of it; empty: it is
    passage  None: it is not known
    """

    resource: Resource
    waypoint: str
    reason: str
    passage: Passage | None = None

    @property
    def about(self) -> str:
        """What `resource` does with calls."""
        why = f", and {self.reason}" if self.reason else ""
        return f"puts waypoint {self.waypoint} before it{why}"


class Waypoints:
    """The waypoints of a mesh, asked by service and by workload."""

    __slots__ = ("_catalog", "_classes", "_gateways", "_root", "_workloads")

    def __init__(
        self, catalog: Catalog, facts: MeshFacts, workloads: Mapping[tuple[str, str], list[str]]
    ) -> None:
        """`workloads` are the service accounts of gateways' pods by namespace and Gateway."""
        self._catalog = catalog
        self._root = facts.root_namespace
        self._gateways = {
            (namespace_of(each), each.name): each for each in catalog.of_group(GROUP, "Gateway")
        }
        self._classes = {each.name: each for each in catalog.of_group(GROUP, "GatewayClass")}
        self._workloads = workloads

    def of_service(self, service: Service) -> Enrolment | None:
        """The waypoint that calls of ztunnel to a service pass; None: they pass none."""
        resource = service.resource
        if service.resolution is Resolution.PASSTHROUGH or _MANAGED in resource.labels:
            # Without an address of its own; the Service of a waypoint itself.
            return None
        enrolment = self._enrolled(resource, service.namespace, resource.labels, _OF_SERVICES)
        if enrolment is None or enrolment.reason:
            return enrolment
        return structs.replace(
            enrolment,
            passage=Passage(
                *self._key(enrolment),
                self._accounts(self._gateways[self._key(enrolment)]),
                ServiceName(resource.kind, service.namespace, resource.name),
            ),
            reason=next(self._patches(resource, self._gateways[self._key(enrolment)]), ""),
        )

    def of_workload(self, workload: Workload) -> Enrolment | None:
        """The waypoint that calls of ztunnel to a pod's own address pass; None: they pass none.

        Calls to an address of a Service never do, whatever is before the Service.
        """
        enrolment = self._enrolled(
            workload.resource, workload.namespace, workload.labels, _OF_WORKLOADS
        )
        if enrolment is None:
            return None
        return structs.replace(
            enrolment,
            reason=enrolment.reason or "what it does with calls to pods' addresses is not modelled",
        )

    def for_gateways(self, service: Service) -> str:
        """Why it is not known what becomes of gateways' calls to a service; empty: it is."""
        place = self._catalog.namespaces.get(service.namespace)
        labels = {**(place.labels if place is not None else {}), **service.resource.labels}
        if str(labels.get(_FOR_INGRESS, "")) not in _TRUE:
            return ""
        enrolment = self.of_service(service)
        if enrolment is None:
            return ""
        about = enrolment.reason or "what gateways send to a waypoint is not modelled"
        who = f"{named(enrolment.resource)} puts waypoint {enrolment.waypoint} before it"
        return f"{who}, for gateways too; {about}"

    def _enrolled(
        self,
        resource: Resource,
        namespace: str,
        labels: Mapping[str, object],
        wanted: frozenset[str],
    ) -> Enrolment | None:
        """The enrolment by an object's own labels, else by those of its namespace."""
        if USE_WAYPOINT not in labels:
            place = self._catalog.namespaces.get(namespace)
            if place is None or USE_WAYPOINT not in place.resource.labels:
                return None
            resource, labels = place.resource, place.resource.labels
        name = str(labels[USE_WAYPOINT])
        if name in {"", _NONE}:
            return None
        where = str(labels.get(_NAMESPACE, namespace))
        enrolment = Enrolment(resource, f"{where}/{name}", "")
        gateway = self._gateways.get((where, name))
        if gateway is None:
            reason = "no Gateway of that name is among the objects"
            return structs.replace(enrolment, reason=reason)
        if not self._allows(gateway, where, namespace):
            return None
        traffic = gateway.labels.get(_TRAFFIC)
        if traffic is None and self._class(gateway) in self._classes:
            traffic = self._classes[self._class(gateway)].labels.get(_TRAFFIC)
        if str(traffic if traffic is not None else "service") not in wanted:
            return None
        return structs.replace(enrolment, reason=self._doubt(gateway, labels))

    @staticmethod
    def _key(enrolment: Enrolment) -> tuple[str, str]:
        namespace, _, name = enrolment.waypoint.partition("/")
        return namespace, name

    @staticmethod
    def _class(gateway: Resource) -> str:
        return str(gateway.spec.get("gatewayClassName") or "")

    def _doubt(self, gateway: Resource, labels: Mapping[str, object]) -> str:
        """Why it is not known what a waypoint does."""
        if self._class(gateway) != _CLASS:
            return f"its class is {self._class(gateway) or 'none'}, whose proxy is not modelled"
        if str(labels.get(_CANARY) or _NONE) != _NONE:
            return f"a share of calls passes {labels[_CANARY]} instead"
        if _BINDING in gateway.annotations:
            return f"annotation {_BINDING} changes how calls come in"
        infrastructure = gateway.spec.get("infrastructure")
        if isinstance(infrastructure, dict) and infrastructure.get("parametersRef"):
            return "parametersRef changes how it runs"
        return ""

    def _allows(self, gateway: Resource, own: str, namespace: str) -> bool:
        """Whether a waypoint takes what is enrolled in a namespace (makeAllowedRoutes)."""
        for listener in _objects(gateway.spec.get("listeners")):
            if (listener.get("protocol"), listener.get("port")) == _HBONE:
                break
        else:
            return own == namespace
        routes = listener.get("allowedRoutes")
        places = routes.get("namespaces") if isinstance(routes, dict) else None
        origin = places.get("from") if isinstance(places, dict) else None
        if origin == "All":
            return True
        if origin == "Selector" and isinstance(places, dict):
            known = self._catalog.namespaces.get(namespace)
            selector = places.get("selector")
            return isinstance(selector, dict) and selectors.matches_expression(
                selector, known.labels if known is not None else {}
            )
        return own == namespace

    def _accounts(self, gateway: Resource) -> tuple[str, ...]:
        seen = self._workloads.get((namespace_of(gateway), gateway.name))
        return tuple(sorted(set(seen))) if seen else (account_of(gateway),)

    def _patches(self, service: Resource, gateway: Resource) -> Iterator[str]:
        """The objects that are loaded into the waypoint and not read."""
        for kind, group in (
            ("EnvoyFilter", ISTIO_NETWORKING),
            ("WasmPlugin", ISTIO_EXTENSIONS),
            ("TrafficExtension", ISTIO_EXTENSIONS),
        ):
            for resource in self._catalog.of_group(group, kind):
                if self._is_for(resource, service, gateway):
                    yield f"{named(resource)} changes what it does"
        for resource in self._catalog.of_group(ISTIO_NETWORKING, "ProxyConfig"):
            place = namespace_of(resource)
            if place in {self._root, namespace_of(gateway)} and resource.spec.get(
                "environmentVariables"
            ):
                yield f"{named(resource)} sets environment variables of proxies"

    def _is_for(self, resource: Resource, service: Resource, gateway: Resource) -> bool:
        place = namespace_of(resource)
        targets = [*_objects(resource.spec.get("targetRefs"))]
        targets += _objects([resource.spec.get("targetRef")])
        for target in targets:
            match target.get("kind"), str(target.get("name")):
                case ("Gateway", name) if (place, name) == (namespace_of(gateway), gateway.name):
                    return True
                case ("GatewayClass", _) if place == self._root:
                    return True
                case (kind, name) if kind == service.kind:
                    if (place, name) == (namespace_of(service), service.name):
                        return True
        if targets or resource.kind != "EnvoyFilter":
            return False
        # By namespace: whether that is for waypoints is another thing in each release.
        contexts = {
            str(match.get("context") or "") if isinstance(match, dict) else ""
            for patch in _objects(resource.spec.get("configPatches"))
            for match in (patch.get("match"),)
        }
        near = place in {self._root, namespace_of(gateway)}
        return near and not resource.spec.get("workloadSelector") and bool(contexts & _CONTEXTS)


def account_of(gateway: Resource) -> str:
    """The service account that istiod makes for the proxy of a Gateway of the Gateway API.

    The source is deploymentcontroller.go: no other name of the Deployment changes it.
    """
    of_class = str(gateway.spec.get("gatewayClassName") or "")
    name = gateway.name if of_class in _UNSUFFIXED else f"{gateway.name}-{of_class}"
    return str(gateway.annotations.get(_ACCOUNT) or name)


def accounts_of_gateways(workloads: list[Workload]) -> dict[tuple[str, str], list[str]]:
    """The service accounts of pods that carry a Gateway's name."""
    accounts: dict[tuple[str, str], list[str]] = {}
    for each in workloads:
        if GATEWAY_API in each.labels:
            key = each.namespace, each.labels[GATEWAY_API]
            accounts.setdefault(key, []).append(each.service_account)
    return accounts


def _objects(value: JSON) -> Iterator[JSONObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
