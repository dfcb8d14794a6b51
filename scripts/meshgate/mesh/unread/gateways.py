"""Proxies whose listeners and routes other objects decide: gateways of the Gateway API, Ingress."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import GATEWAY_API as GROUP
from meshgate.mesh.coverage import KUBERNETES_NETWORKING
from meshgate.mesh.covers import EVERYWHERE, Cover, End, Influence
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import GATEWAY_API
from meshgate.model import MeshFacts, Resource

_GATEWAYS = frozenset({DataPlane.GATEWAY})
_INGRESS_CONTROLLER = "istio.io/ingress-controller"
_INGRESS_ANNOTATION = "kubernetes.io/ingress.class"
_INGRESS_CLASS = "istio"
# MeshConfig.ingressSelector
_INGRESS_GATEWAY = {"istio": "ingressgateway"}


def covers(catalog: Catalog, _facts: MeshFacts) -> Iterator[Cover]:
    """The proxies that Gateways of the Gateway API and Ingresses influence."""
    for resource in catalog.of_group(GROUP, "Gateway"):
        labels = {GATEWAY_API: resource.name}
        about = "and its routes decide what it takes and calls"
        yield Cover(
            resource,
            about,
            frozenset(End),
            Influence.CHANGE,
            namespace_of(resource),
            labels,
            _GATEWAYS,
        )
    classes = {
        resource.name
        for resource in catalog.of("IngressClass")
        if resource.spec.get("controller") == _INGRESS_CONTROLLER
    } | {_INGRESS_CLASS}
    for resource in catalog.of_group(KUBERNETES_NETWORKING, "Ingress"):
        if _class(resource) in classes:
            yield Cover(
                resource,
                "decides what it takes and calls",
                frozenset(End),
                Influence.CHANGE,
                EVERYWHERE,
                _INGRESS_GATEWAY,
                _GATEWAYS,
            )


def _class(ingress: Resource) -> str:
    named = ingress.annotations.get(_INGRESS_ANNOTATION) or ingress.spec.get("ingressClassName")
    return str(named or "")
