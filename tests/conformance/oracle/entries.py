"""Random WorkloadEntries, and ServiceEntries that select, export and have several hosts."""

from __future__ import annotations

from conformance.oracle.builder import CONTAINER_PORTS, Mesh
from conformance.oracle.inventory import Service, Workload
from conformance.oracle.policies import VERSIONS, export_to, service_entry, stamp
from meshgate.model import JSONObject

TLS_MODE = "security.istio.io/tlsMode"
HOSTS = (
    "api.example.com",
    "www.example.com",
    "*.example.com",
    "db.corp.local",
    "pay.internal",
    "vm.mesh.local",
)


def add_workload_entries(mesh: Mesh) -> None:
    """Machines outside the cluster, some of which stand behind a Service of the same labels."""
    for index in range(mesh.pick(1, 2, 3, 4)):
        known = [each for each in mesh.workloads if each.kind != "WorkloadEntry"]
        like = mesh.rng.choice(known)
        labels = {key: value for key, value in like.labels.items() if "/" not in key}
        if mesh.chance(0.3):
            labels = {"app": "vm", "version": mesh.pick("v1", "v2")}
        spec: JSONObject = {"address": f"10.2.0.{index + 1}", "labels": labels}
        proxied = False
        way = mesh.rng.random()
        if way < 0.3:
            labels[TLS_MODE] = mesh.pick("istio", "istio", "disabled")
            proxied = labels[TLS_MODE] == "istio"
            if mesh.chance(0.3):
                spec["serviceAccount"] = "vm"
        elif way < 0.7:
            spec["serviceAccount"] = "vm"
            proxied = True
        if mesh.chance(0.3):
            named = [f"p-{mesh.rng.choice((80, 443, 8080))}", "http"]
            spec["ports"] = {mesh.rng.choice(named): mesh.rng.choice(CONTAINER_PORTS)}
        name = f"{like.name}-vm-{index}"
        found = mesh.add("WorkloadEntry", mesh.pick(*VERSIONS), like.namespace, name, spec)
        stamp(mesh, found)
        mesh.workloads.append(
            Workload(
                like.namespace,
                name,
                "WorkloadEntry",
                labels,
                [(f"w{number}", number) for number in sorted((spec.get("ports") or {}).values())],
                spec["address"],
                proxied,
            )
        )


def add_selecting_entries(mesh: Mesh, count: int) -> None:
    """ServiceEntries in all their forms; several may have one host."""
    for _ in range(count):
        namespace = mesh.rng.choice(list(mesh.namespaces))
        hosts = mesh.rng.sample(HOSTS, mesh.pick(1, 1, 2, 3))
        if mesh.services and mesh.chance(0.1):
            hosts.append(mesh.host(mesh.rng.choice(mesh.services)))
        selecting = mesh.chance(0.45)
        spec = service_entry(mesh, hosts, selecting=selecting)
        if selecting and spec["resolution"] == "DNS_ROUND_ROBIN":
            spec["resolution"] = "DNS"  # the other keeps one endpoint, and which is chance
        if selecting and spec["resolution"] not in {"NONE", "DYNAMIC_DNS"}:
            spec["workloadSelector"] = {"labels": _selected(mesh, namespace)}
        elif spec["resolution"] == "STATIC" and "endpoints" not in spec:
            spec["endpoints"] = [{"address": "192.168.9.9"}]
        if mesh.chance(0.5):
            spec["exportTo"] = export_to(mesh, namespace)
        name = mesh.pick("entry", "outside", hosts[0].strip("*.").replace(".", "-"))
        found = mesh.add("ServiceEntry", mesh.pick(*VERSIONS), namespace, name, spec)
        stamp(mesh, found, unique=True)
        mesh.external.extend(hosts)


def add_entries_of_services(mesh: Mesh) -> None:
    """ServiceEntries for hosts of Services, whose ports often have the same name or number."""
    for _ in range(mesh.pick(1, 2, 2, 3)):
        service = mesh.rng.choice(mesh.services)
        namespace = service.namespace
        if mesh.chance(0.15):
            namespace = mesh.rng.choice(list(mesh.namespaces))
        host = mesh.host(service)
        selecting = mesh.chance(0.3)
        spec = service_entry(mesh, [host], selecting=selecting)
        _like_those_of(mesh, service, spec["ports"])
        if selecting and spec["resolution"] != "NONE":
            spec["workloadSelector"] = {"labels": _selected(mesh, namespace)}
        elif spec["resolution"] == "STATIC" and "endpoints" not in spec:
            spec["endpoints"] = [{"address": "192.168.9.9"}]
        name = mesh.pick("entry", "shared", service.name)
        found = mesh.add("ServiceEntry", mesh.pick(*VERSIONS), namespace, name, spec)
        stamp(mesh, found, unique=True)
        mesh.external.append(host)


def _like_those_of(mesh: Mesh, service: Service, ports: list[JSONObject]) -> None:
    """Give ports of an entry numbers and names of the Service's, in any combination."""
    own = next(
        each["spec"]["ports"]
        for each in mesh.resources
        if each["kind"] == "Service"
        and each["metadata"]["name"] == service.name
        and each["metadata"]["namespace"] == service.namespace
    )
    for key, share in (("number", 0.7), ("name", 0.5)):
        for port in ports:
            value = mesh.rng.choice(own)["port" if key == "number" else "name"]
            if mesh.chance(share) and all(other[key] != value for other in ports):
                port[key] = value


def _selected(mesh: Mesh, namespace: str) -> dict[str, str]:
    own = [each for each in mesh.workloads if each.namespace == namespace]
    if not own:
        return {"app": "vm"}
    labels = mesh.rng.choice(own).labels
    keys = [key for key in labels if "/" not in key]
    return {key: labels[key] for key in mesh.rng.sample(keys, 1)}
