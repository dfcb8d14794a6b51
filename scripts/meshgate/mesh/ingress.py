"""Ingress controllers that are no gateway of Istio: their sidecars see calls of pods, not Services.

Such a controller takes the addresses of pods from the API server and calls them itself. A sidecar
knows those by headless Services only, passes the rest through in plaintext, and STRICT refuses it.
It calls Services only where it is set to, ingress-nginx by `service-upstream` and
`upstream-vhost`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.mesh import selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.injection import containers
from meshgate.mesh.workloads import Workload
from meshgate.model import Resource

_CLASS = "kubernetes.io/ingress.class"
_NGINX = "nginx.ingress.kubernetes.io/"
# The controller of Istio's own class is a gateway.
_ISTIO = "istio"
_WORD = re.compile(r"[a-z0-9]+")
# What says that something is a controller, and not which one.
_GENERAL = frozenset({"ingress", "controller", "io", "k8s", "com", "org", "internal", "external"})
# Programs that are Ingress controllers by their very name.
_PROGRAMS = frozenset({"ambassador", "contour", "emissary", "haproxy", "kong", "traefik"})

# Why calls of such a controller are undecided.
PAST_SERVICES = "calls the addresses of pods, past the Services that its sidecar knows"


class IngressControllers:
    """The words by which the controllers of Ingress objects are known, with such an object each."""

    __slots__ = ("_services", "_words")

    def __init__(self, catalog: Catalog) -> None:
        controllers = {
            each.name: str(each.spec.get("controller") or "") for each in catalog.of("IngressClass")
        }
        self._words: dict[str, Resource] = {}
        for ingress in catalog.of("Ingress"):
            stated = ingress.spec.get("ingressClassName") or ingress.annotations.get(_CLASS)
            name = str(stated or "")
            if name != _ISTIO and not _calls_services(ingress):
                text = f"{name} {controllers.get(name, '').rpartition('/')[2]}".lower()
                for word in _WORD.findall(text):
                    if word not in _GENERAL:
                        self._words.setdefault(word, ingress)
        self._services = catalog.of("Service") if self._words else ()

    def reason(self, workload: Workload) -> str:
        """Why it is not known what a workload calls; empty: it is no such controller."""
        if not self._words:
            return ""
        words = {word for text in self._texts(workload) for word in _WORD.findall(text.lower())}
        for word, ingress in self._words.items():
            if word in words and ("ingress" in words or word in _PROGRAMS):
                served = f"{namespace_of(ingress)}/{ingress.name}"
                return f"{workload} serves Ingress {served}, and such a controller {PAST_SERVICES}"
        return ""

    def _texts(self, workload: Workload) -> Iterator[str]:
        """What tells which program a workload runs: names, labels, images and arguments."""
        yield workload.name
        yield from map(str, workload.labels.values())
        template = workload.resource.spec.get("template")
        pod = template.get("spec") if isinstance(template, dict) else workload.resource.spec
        for container in containers(pod) if isinstance(pod, dict) else ():
            yield str(container.get("image") or "")
            yield from map(str, container.get("args") or ())
        for service in self._services:
            selector = selectors.labels(service.spec.get("selector"))
            if (
                selector
                and namespace_of(service) == workload.namespace
                and selectors.matches(selector, workload.labels)
            ):
                yield service.name


def _calls_services(ingress: Resource) -> bool:
    """Whether an Ingress makes ingress-nginx call the Service by its own host."""
    upstream = str(ingress.annotations.get(f"{_NGINX}service-upstream") or "").lower()
    return upstream == "true" and bool(ingress.annotations.get(f"{_NGINX}upstream-vhost"))
