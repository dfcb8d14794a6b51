"""A mesh under construction: namespaces, workloads and Services that fit together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from conformance.oracle.inventory import Service, Workload, fact_of, object_of
from meshgate.model import JSON, JSONObject

T = TypeVar("T")

NAMESPACES = ("alpha", "beta", "gamma", "delta", "epsilon")
APPS = ("web", "api", "db", "cache", "pay", "auth")
CONTAINER_PORTS = (8080, 8081, 3000, 5432, 6379, 7070, 9090)
SERVICE_PORTS = (80, 81, 443, 5432, 7070, 8000, 8080, 8081, 9000, 9090)
# By application protocol: a container port speaks one, whatever Services call it.
PORT_NAMES = {
    "http": ("http", "http-{n}", "http-x"),
    "http2": ("http2-{n}", "grpc-{n}", "http2"),
    "tcp": ("tcp-{n}", "tcp"),
    "auto": ("main-{n}",),
}
INJECT = "sidecar.istio.io/inject"


class Mesh:
    """A mesh that grows at random; `case` is its line in a file of cases."""

    def __init__(self, rng: random.Random, *, domain: str = "cluster.local") -> None:
        self.rng = rng
        self.root = "mesh-config" if rng.random() < 0.05 else "istio-system"
        self.facts: JSONObject = {
            "rootNamespace": self.root,
            "clusterDomain": domain,
            "enableAutoMtls": rng.random() > 0.1,
        }
        self.namespaces: dict[str, dict[str, str]] = {}
        self.workloads: list[Workload] = []
        self.services: list[Service] = []
        self.resources: list[JSONObject] = []
        # Hosts of ServiceEntries, which policies may name.
        self.external: list[str] = []
        self.direct: list[JSONObject] = []
        # Rows beside the common ones: routes, gateways, aliases.
        self.ask: list[str] = []
        # Workloads that run where the control plane does not look.
        self.hidden: list[Workload] = []
        # How many objects have a second of their own.
        self.stamps = 0
        # Whether ServiceEntries may have the rarer resolutions.
        self.more = False
        # Names of ports by the protocol they declare; appProtocol may declare it in their stead.
        self.names = dict(PORT_NAMES)
        self.declare: dict[str, str] = {}
        self.kinds: tuple[str, ...] = ("Deployment", "Deployment", "Pod")
        self.protocols = {number: rng.choice(list(PORT_NAMES)) for number in CONTAINER_PORTS}

    @property
    def domain(self) -> str:
        """The cluster domain."""
        return str(self.facts["clusterDomain"])

    def host(self, service: Service) -> str:
        """A Service's full name."""
        return f"{service.name}.{service.namespace}.svc.{self.domain}"

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.rng.random() < share

    def pick(self, *choices: T) -> T:
        """One of these, each as likely."""
        return self.rng.choice(choices)

    def add(self, kind: str, version: str, namespace: str, name: str, spec: JSON) -> JSONObject:
        """A new object; a name that is taken gets a number."""
        taken = {
            (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
            for each in self.resources
        }
        unique, number = name, 1
        while (kind, namespace, unique) in taken:
            unique = f"{name}-{number}"
            number += 1
        found: JSONObject = {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": unique, "namespace": namespace},
        }
        if spec is not None:
            found["spec"] = spec
        self.resources.append(found)
        return found

    def address(self) -> str:
        """A pod address that nobody has."""
        number = len(self.workloads) + 1
        return f"10.1.{number // 250}.{number % 250}"

    def add_namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        """A namespace, with or without injection."""
        if labels is None:
            injection = self.rng.choices(("enabled", "disabled", None), (6, 1, 3))[0]
            labels = {"istio-injection": injection} if injection else {}
        self.namespaces[name] = labels

    def add_workload(
        self, namespace: str, name: str, labels: dict[str, str], ports: list[tuple[str, int]]
    ) -> Workload:
        """A workload; whether it gets a sidecar follows Istio's documentation of injection."""
        labels = dict(labels)
        injection = self.namespaces[namespace].get("istio-injection")
        if INJECT in labels:
            pass
        elif injection == "enabled":
            if self.chance(0.12):
                labels[INJECT] = "false"
        elif self.chance(0.75):
            labels[INJECT] = "true"
        sidecar = labels.get(INJECT) != "false" and injection != "disabled"
        sidecar = sidecar and (injection == "enabled" or labels.get(INJECT) == "true")
        found = Workload(
            namespace,
            name,
            self.rng.choice(self.kinds),
            labels,
            ports,
            self.address(),
            sidecar,
        )
        self.workloads.append(found)
        return found

    def add_service(
        self,
        namespace: str,
        name: str,
        selector: dict[str, str] | None,
        ports: list[JSONObject],
        **spec: JSON,
    ) -> Service:
        """A Service, headless in a third of cases unless told."""
        if "clusterIP" not in spec and spec.get("type") != "ExternalName":
            number = len(self.services) + 1
            spec["clusterIP"] = "None" if self.chance(0.25) else f"10.96.0.{number}"
        whole: JSONObject = {"ports": ports, **spec}
        if selector is not None:
            whole["selector"] = selector
        self.add("Service", "v1", namespace, name, whole)
        found = Service(namespace, name, [port["port"] for port in ports])
        self.services.append(found)
        return found

    def service_ports(
        self, container: Sequence[tuple[str, int]], *, named: bool = True
    ) -> list[JSONObject]:
        """Service ports that lead to container ports by number, by name or by being the same."""
        numbers = self.rng.sample(SERVICE_PORTS, len(container))
        found: list[JSONObject] = []
        for (name, target), number in zip(container, numbers, strict=True):
            names = self.names[self.protocols[target]]
            called = self.rng.choice(names).format(n=target)
            if called in {port["name"] for port in found}:
                called = f"{names[0].partition('-')[0]}-{target}"
            way = self.rng.random()
            if way < 0.15:
                found.append({"name": called, "port": target})
            else:
                lead = name if named and way < 0.35 else target
                found.append({"name": called, "port": number, "targetPort": lead})
            if self.declare and self.chance(0.3):
                declared = self.declare[self.protocols[target]]
                found[-1].update(name=f"x-{target}", appProtocol=declared)
        return found if len({port["port"] for port in found}) == len(found) else found[:1]

    def case(self, name: str, seed: int) -> JSONObject:
        """The finished mesh in the form of the committed cases, without expectations."""
        resources = list(self.resources)
        for namespace, labels in self.namespaces.items():
            metadata: JSONObject = {"name": namespace}
            if labels:
                metadata["labels"] = labels
            resources.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        resources += [
            object_of(each)
            for each in (*self.workloads, *self.hidden)
            if each.kind != "WorkloadEntry"
        ]
        self.rng.shuffle(resources)
        case: JSONObject = {
            "id": name,
            "seed": seed,
            "mesh": self.facts,
            "resources": resources,
            "workloads": [fact_of(each) for each in self.workloads],
            "clients": [each.reference for each in self._clients()],
        }
        if self.direct:
            case["direct"] = self.direct
        if self.ask:
            case["ask"] = self.ask
        if self.hidden:
            case["hidden"] = [fact_of(each) for each in self.hidden]
        return case

    def _clients(self) -> list[Workload]:
        """At most three with a proxy, gateways first, and one without."""
        able = [each for each in self.workloads if each.kind != "WorkloadEntry" and each.ready]
        gateways = [each for each in able if each.gateway]
        proxied = [each for each in able if each.sidecar]
        self.rng.shuffle(proxied)
        chosen: list[Workload] = gateways[:2]
        seen: set[str] = set()
        for each in proxied:
            if each.namespace not in seen and len(chosen) < 3:
                chosen.append(each)
                seen.add(each.namespace)
        chosen += [each for each in proxied if each not in chosen][: 3 - len(chosen)]
        return chosen + self.bare()[:1]

    def bare(self) -> list[Workload]:
        """Workloads without any proxy."""
        return [
            each
            for each in self.workloads
            if not (each.sidecar or each.gateway or each.ambient) and each.kind != "WorkloadEntry"
        ]
