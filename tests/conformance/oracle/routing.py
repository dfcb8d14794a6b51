"""Random VirtualServices and Gateways."""

from __future__ import annotations

from conformance.oracle.builder import Mesh
from conformance.oracle.inventory import Service, Workload
from conformance.oracle.policies import VERSIONS, export_to, stamp
from meshgate.model import JSONObject

_GATEWAY_PORTS: tuple[JSONObject, ...] = (
    {"name": "http2", "port": 80, "targetPort": 8080},
    {"name": "https", "port": 443, "targetPort": 8443},
    {"name": "tls", "port": 15443, "targetPort": 15443},
)


def add_virtual_services(mesh: Mesh) -> None:
    """Routes for Services, some to subsets, some for callers of one kind only."""
    for _ in range(mesh.pick(1, 2, 3, 4)):
        service = mesh.rng.choice(mesh.services)
        namespace = service.namespace
        if mesh.chance(0.35):
            namespace = mesh.rng.choice(list(mesh.namespaces))
        spec: JSONObject = {"hosts": _hosts(mesh, service, namespace)}
        if mesh.chance(0.2):
            spec["exportTo"] = export_to(mesh, namespace)
        if mesh.chance(0.15):
            spec["gateways"] = mesh.pick(["mesh"], ["some-gateway"], ["mesh", "some-gateway"])
        if mesh.chance(0.75):
            spec["http"] = _http(mesh, service, namespace)
        if "http" not in spec or mesh.chance(0.3):
            spec["tcp"] = _tcp(mesh, service, namespace)
        name = mesh.pick("route", "a-route", service.name)
        stamp(mesh, mesh.add("VirtualService", mesh.pick(*VERSIONS), namespace, name, spec))


def _hosts(mesh: Mesh, service: Service, namespace: str) -> list[str]:
    full = mesh.host(service)
    if service.namespace == namespace and mesh.chance(0.4):
        return [service.name]
    if mesh.chance(0.15):
        return [f"*.{service.namespace}.svc.{mesh.domain}"]
    if mesh.chance(0.15) and len(mesh.services) > 1:
        other = mesh.rng.choice([each for each in mesh.services if each is not service])
        return [full, mesh.host(other)]
    return [full]


def _destination(mesh: Mesh, service: Service, namespace: str) -> JSONObject:
    if mesh.chance(0.25):
        service = mesh.rng.choice(mesh.services)
    short = service.namespace == namespace and mesh.chance(0.4)
    found: JSONObject = {"host": service.name if short else mesh.host(service)}
    if mesh.chance(0.6):
        found["subset"] = mesh.pick("v1", "v2", "v3")
    if len(service.ports) > 1 and mesh.chance(0.8):
        found["port"] = {"number": mesh.rng.choice(service.ports)}
    return found


def _weighted(mesh: Mesh, service: Service, namespace: str) -> list[JSONObject]:
    if mesh.chance(0.6):
        return [{"destination": _destination(mesh, service, namespace)}]
    weights = mesh.pick((50, 50), (90, 10), (100, 0), (0, 100))
    return [
        {"destination": _destination(mesh, service, namespace), "weight": weight}
        for weight in weights
    ]


def _http(mesh: Mesh, service: Service, namespace: str) -> list[JSONObject]:
    found: list[JSONObject] = []
    for _ in range(mesh.pick(0, 0, 1, 2)):
        route: JSONObject = {"route": _weighted(mesh, service, namespace)}
        match: JSONObject = mesh.pick({"uri": {"prefix": "/v2"}}, {"uri": {"exact": "/x"}})
        match = dict(match)
        if mesh.chance(0.3):
            match["port"] = mesh.rng.choice(service.ports)
        if mesh.chance(0.25):
            match["sourceLabels"] = {"app": mesh.rng.choice(mesh.workloads).labels["app"]}
        if mesh.chance(0.2):
            match["sourceNamespace"] = mesh.rng.choice(list(mesh.namespaces))
        if mesh.chance(0.1):
            match["gateways"] = ["mesh"]
        route["match"] = [match]
        found.append(route)
    if not found or mesh.chance(0.8):
        last: JSONObject = {"route": _weighted(mesh, service, namespace)}
        found.append(last)
    return found


def _tcp(mesh: Mesh, service: Service, namespace: str) -> list[JSONObject]:
    route: JSONObject = {"route": _weighted(mesh, service, namespace)}
    if mesh.chance(0.5):
        match: JSONObject = {"port": mesh.rng.choice(service.ports)}
        if mesh.chance(0.3):
            match["sourceLabels"] = {"app": mesh.rng.choice(mesh.workloads).labels["app"]}
        route["match"] = [match]
    return [route]


def add_gateways(mesh: Mesh) -> None:
    """Gateway workloads with Services, and Gateway resources that open ports on them."""
    for name in mesh.rng.sample(("ingressgateway", "egressgateway"), mesh.pick(1, 1, 2)):
        namespace = mesh.pick(mesh.root, mesh.rng.choice(list(mesh.namespaces)))
        ports = [("http2", 8080), ("https", 8443), ("tcp", 15443)]
        labels = {"app": f"istio-{name}", "istio": name, "sidecar.istio.io/inject": "true"}
        mesh.workloads.append(
            Workload(
                namespace,
                f"istio-{name}",
                "Deployment",
                labels,
                ports,
                mesh.address(),
                sidecar=False,
                annotations={"inject.istio.io/templates": "gateway"},
                gateway=True,
            )
        )
        chosen = mesh.rng.sample(_GATEWAY_PORTS, mesh.pick(1, 2, 3))
        address = f"10.97.0.{len(mesh.workloads)}"
        service = mesh.add_service(
            namespace, f"istio-{name}", {"istio": name}, list(chosen), clusterIP=address
        )
        for _ in range(mesh.pick(1, 1, 2)):
            _add_gateway(mesh, namespace, labels, service)


def _add_gateway(mesh: Mesh, namespace: str, labels: dict[str, str], service: Service) -> None:
    servers = []
    for number in dict.fromkeys(mesh.rng.choices(service.ports, k=2)):
        protocol = mesh.pick("HTTP", "HTTPS", "HTTPS", "TLS", "TLS", "TCP", "GRPC")
        host = mesh.pick("*", "*", "*.example.com", "www.example.com", mesh.host(service))
        called = f"{protocol.lower()}-{number}"
        server: JSONObject = {
            "port": {"number": number, "name": called, "protocol": protocol},
            "hosts": [host],
        }
        if protocol in {"HTTPS", "TLS"}:
            server["tls"] = _server_tls(mesh, protocol)
        servers.append(server)
    place = namespace if mesh.chance(0.7) else mesh.rng.choice(list(mesh.namespaces))
    selects = {"istio": labels["istio"]} if mesh.chance(0.9) else {"istio": "nobody"}
    spec = {"selector": selects, "servers": servers}
    found = mesh.add("Gateway", mesh.pick(*VERSIONS), place, mesh.pick("gw", "front"), spec)
    stamp(mesh, found)
    for server in servers:
        if mesh.chance(0.8):
            _add_gateway_route(mesh, f"{place}/{found['metadata']['name']}", place, server)


def _add_gateway_route(mesh: Mesh, gateway: str, place: str, server: JSONObject) -> None:
    """A VirtualService for one server: without it, a gateway opens no port for TCP and TLS."""
    host = server["hosts"][0]
    if host == "*" and server.get("tls", {}).get("mode") == "PASSTHROUGH":
        host = "www.example.com"
    to = mesh.rng.choice(mesh.services)
    port = {"number": mesh.rng.choice(to.ports)}
    route = [{"destination": {"host": mesh.host(to), "port": port}}]
    number = server["port"]["number"]
    spec: JSONObject = {"hosts": [host], "gateways": [gateway]}
    protocol = server["port"]["protocol"]
    if server.get("tls", {}).get("mode") == "PASSTHROUGH":
        spec["tls"] = [{"match": [{"port": number, "sniHosts": [host]}], "route": route}]
    elif protocol in {"TCP", "TLS"}:
        spec["tcp"] = [{"match": [{"port": number}], "route": route}]
    else:
        spec["http"] = [{"route": route}]
    stamp(mesh, mesh.add("VirtualService", VERSIONS[0], place, f"to-{number}", spec))


def _server_tls(mesh: Mesh, protocol: str) -> JSONObject:
    modes = ["SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL", "PASSTHROUGH"]
    mode = mesh.rng.choice(modes if protocol == "TLS" else modes[:4])
    if mode in {"ISTIO_MUTUAL", "PASSTHROUGH"}:
        return {"mode": mode}
    return {"mode": mode, "credentialName": "gateway-certificate"}
