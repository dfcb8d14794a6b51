"""Random Sidecar resources."""

from __future__ import annotations

from conformance.oracle.builder import CONTAINER_PORTS, SERVICE_PORTS, Mesh
from conformance.oracle.policies import VERSIONS, selector, stamp, workloads_of
from meshgate.model import JSONObject


def add_sidecars(mesh: Mesh) -> None:
    """Sidecars for the mesh, for namespaces and for workloads."""
    if mesh.chance(0.3):
        _add(mesh, mesh.root, selecting=False)
    for namespace in mesh.namespaces:
        if namespace != mesh.root and mesh.chance(0.6):
            for _ in range(mesh.pick(1, 1, 2)):
                _add(mesh, namespace, selecting=mesh.chance(0.35))


def _add(mesh: Mesh, namespace: str, *, selecting: bool) -> None:
    spec: JSONObject = {}
    if selecting:
        spec["workloadSelector"] = {"labels": selector(mesh, namespace)}
    if mesh.chance(0.8):
        spec["egress"] = _egress(mesh)
    if mesh.chance(0.45) and namespace != mesh.root:
        ingress = _ingress(mesh, namespace)
        if ingress:
            spec["ingress"] = ingress
    if mesh.chance(0.2):
        spec["outboundTrafficPolicy"] = {"mode": mesh.pick("REGISTRY_ONLY", "ALLOW_ANY")}
    if not set(spec) & {"egress", "ingress", "outboundTrafficPolicy"}:
        spec["egress"] = [{"hosts": ["./*"]}]
    name = mesh.pick("default", "sidecar", "a-sidecar")
    stamp(mesh, mesh.add("Sidecar", mesh.pick(*VERSIONS), namespace, name, spec))


def _egress(mesh: Mesh) -> list[JSONObject]:
    found: list[JSONObject] = []
    for number in mesh.rng.sample(SERVICE_PORTS, mesh.pick(0, 0, 0, 1, 2)):
        port = {"number": number, "name": f"e-{number}", "protocol": mesh.pick("HTTP", "TCP")}
        found.append({"port": port, "hosts": _hosts(mesh)})
    if not found or mesh.chance(0.7):
        found.append({"hosts": _hosts(mesh)})
    return found


def _hosts(mesh: Mesh) -> list[str]:
    names = list(mesh.namespaces)
    forms: list[str] = []
    for _ in range(mesh.pick(1, 2, 2, 3)):
        place = mesh.pick(".", ".", "*", mesh.rng.choice(names), mesh.rng.choice(names), "~")
        service = mesh.rng.choice(mesh.services)
        host = mesh.pick(
            "*",
            "*",
            mesh.host(service),
            f"*.{service.namespace}.svc.{mesh.domain}",
            f"*.{mesh.domain}",
            mesh.rng.choice(mesh.external) if mesh.external else "*.example.com",
        )
        if place == mesh.rng.choice(names) and mesh.chance(0.5):
            place = service.namespace
        forms.append(f"{place}/{host}")
    if mesh.chance(0.2):
        service = mesh.rng.choice(mesh.services)
        forms.append(f"~{mesh.pick('', service.namespace)}/{mesh.host(service)}")
    return list(dict.fromkeys(forms))


def _ingress(mesh: Mesh, namespace: str) -> list[JSONObject]:
    known = [port for each in workloads_of(mesh, namespace) for _, port in each.ports]
    numbers = dict.fromkeys(
        mesh.rng.choice(known) if known and mesh.chance(0.8) else mesh.rng.choice(CONTAINER_PORTS)
        for _ in range(mesh.pick(1, 2))
    )
    found: list[JSONObject] = []
    for number in numbers:
        protocol = mesh.pick("TCP", "HTTPS", "TLS")
        if mesh.protocols[number] != "tcp" and mesh.chance(0.7):
            protocol = mesh.pick("HTTP", "HTTP", "GRPC", "HTTP2")
        listener: JSONObject = {
            "port": {"number": number, "name": f"i-{number}", "protocol": protocol},
            "defaultEndpoint": mesh.pick(f"127.0.0.1:{number}", "127.0.0.1:12345", "0.0.0.0:8080"),
        }
        if protocol in {"HTTPS", "TLS"} and mesh.chance(0.6):
            listener["tls"] = {
                "mode": mesh.pick("SIMPLE", "MUTUAL"),
                "serverCertificate": "/c/cert.pem",
                "privateKey": "/c/key.pem",
                "caCertificates": "/c/ca.pem",
            }
        found.append(listener)
    return found
