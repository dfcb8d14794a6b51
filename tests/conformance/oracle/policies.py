"""Random PeerAuthentications, DestinationRules and ServiceEntries for a mesh."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.oracle.builder import CONTAINER_PORTS, SERVICE_PORTS, Mesh
from conformance.oracle.inventory import Workload
from meshgate.model import JSON, JSONObject

PEER_VERSIONS = ("security.istio.io/v1", "security.istio.io/v1beta1")
VERSIONS = ("networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3")
# 2023-11-14T22:13:20Z and some hours after it.
_DAY = "2023-11-{day}T{hour:02}:{minute:02}:{second:02}Z"


def stamp(mesh: Mesh, found: JSONObject, *, unique: bool = False) -> None:
    """A creation time; ties are common on purpose, unless Istio's own answer would be chance."""
    seconds = 22 * 3600 + 13 * 60 + 60 * mesh.rng.randrange(8 if mesh.chance(0.2) else 400)
    if unique:
        mesh.stamps += 1
        seconds += mesh.stamps % 60
    day, rest = divmod(seconds, 86400)
    hour, rest = divmod(rest, 3600)
    found["metadata"]["creationTimestamp"] = _DAY.format(
        day=14 + day, hour=hour, minute=rest // 60, second=rest % 60
    )


def workloads_of(mesh: Mesh, namespace: str) -> list[Workload]:
    """The workloads of a namespace."""
    return [each for each in mesh.workloads if each.namespace == namespace]


def peer_mtls(mesh: Mesh) -> JSONObject | None:
    """An `mtls` block in one of its spellings; None: none at all."""
    way = mesh.rng.random()
    if way < 0.06:
        return None
    if way < 0.12:
        return {}
    modes = ("STRICT", "DISABLE", "PERMISSIVE", "UNSET")
    return {"mode": mesh.rng.choices(modes, (9, 7, 5, 2))[0]}


def selector(mesh: Mesh, namespace: str) -> dict[str, str]:
    """Labels that select one workload of a namespace, several, or none."""
    own = workloads_of(mesh, namespace)
    if not own or mesh.chance(0.05):
        return {"app": "nobody"}
    labels = mesh.rng.choice(own).labels
    keys = [key for key in labels if "/" not in key]
    return {key: labels[key] for key in mesh.rng.sample(keys, min(len(keys), mesh.pick(1, 1, 2)))}


def add_peer_authentication(mesh: Mesh, namespace: str, level: str) -> JSONObject:
    """A PeerAuthentication: level `mesh` and `namespace` have no selector, `selector` has one."""
    spec: JSONObject = {}
    mtls = peer_mtls(mesh)
    if mtls is not None:
        spec["mtls"] = mtls
    if level == "selector":
        spec["selector"] = {"matchLabels": selector(mesh, namespace)}
        if mesh.chance(0.5):
            spec["portLevelMtls"] = _port_table(mesh, namespace)
    elif mesh.chance(0.05):
        spec["selector"] = mesh.pick({}, {"matchLabels": {}})
    name = mesh.pick("default", "strict", "pa", "a-pa", "zz")
    found = mesh.add("PeerAuthentication", mesh.pick(*PEER_VERSIONS), namespace, name, spec)
    stamp(mesh, found)
    return found


def _port_table(mesh: Mesh, namespace: str) -> JSONObject:
    known = [port for each in workloads_of(mesh, namespace) for _, port in each.ports]
    table: JSONObject = {}
    for _ in range(mesh.pick(1, 1, 2, 3)):
        port = mesh.rng.choice(known) if known and mesh.chance(0.8) else 7777
        table[str(port)] = peer_mtls(mesh) or {}
    return table


def add_peer_authentications(mesh: Mesh) -> None:
    """Policies of every level, with duplicates."""
    if mesh.chance(0.5):
        for _ in range(mesh.pick(1, 1, 1, 2)):
            add_peer_authentication(mesh, mesh.root, "mesh")
    for namespace in mesh.namespaces:
        if mesh.chance(0.35) and namespace != mesh.root:
            add_peer_authentication(mesh, namespace, "namespace")
        if mesh.chance(0.35):
            for _ in range(mesh.pick(1, 1, 2)):
                add_peer_authentication(mesh, namespace, "selector")


def client_tls(mesh: Mesh) -> JSONObject:
    """A `tls` block in one of its spellings."""
    mode = mesh.rng.choices(("DISABLE", "ISTIO_MUTUAL", "SIMPLE", "MUTUAL", ""), (5, 8, 4, 4, 2))[0]
    if not mode:
        return mesh.pick({}, {"sni": "x.example.com"})
    found: JSONObject = {"mode": mode}
    if mode in {"SIMPLE", "MUTUAL"} and mesh.chance(0.2):
        found["credentialName"] = mesh.pick("cred", "cred", "configmap://ca")
        if mode == "MUTUAL":
            found["credentialName"] = "cred"
    elif mode == "MUTUAL":
        found.update(clientCertificate="/c/cert.pem", privateKey="/c/key.pem")
    if mode in {"SIMPLE", "MUTUAL"} and "credentialName" not in found and mesh.chance(0.6):
        found["caCertificates"] = "/c/ca.pem"
    return found


def traffic_policy(mesh: Mesh, ports: Sequence[int], *, deep: bool = True) -> JSONObject:
    """A traffic policy that says something."""
    found: JSONObject = {}
    if mesh.chance(0.7):
        found["tls"] = client_tls(mesh)
    if mesh.chance(0.25):
        found["loadBalancer"] = {"simple": mesh.pick("LEAST_REQUEST", "RANDOM", "PASSTHROUGH")}
    if deep and mesh.chance(0.3):
        entries = []
        for _ in range(mesh.pick(1, 1, 2)):
            entry = traffic_policy(mesh, ports, deep=False)
            entry["port"] = {"number": mesh.rng.choice(ports or SERVICE_PORTS)}
            entries.append(entry)
        found["portLevelSettings"] = entries
    if not found:
        found["connectionPool"] = {"tcp": {"maxConnections": 100}}
    return found


def subsets(mesh: Mesh, ports: Sequence[int]) -> list[JSONObject]:
    """Subsets by version, some with a policy of their own."""
    found: list[JSONObject] = []
    for version in mesh.rng.sample(("v1", "v2", "v3"), mesh.pick(1, 2, 2)):
        subset: JSONObject = {"name": version, "labels": {"version": version}}
        if mesh.chance(0.5):
            subset["trafficPolicy"] = traffic_policy(mesh, ports)
        found.append(subset)
    return found


def rule_host(mesh: Mesh, namespace: str) -> tuple[str, list[int]]:
    """A host that a rule may name, and the ports of what it means."""
    way = mesh.rng.random()
    if mesh.external and way < 0.12:
        return mesh.rng.choice(mesh.external), list(SERVICE_PORTS)
    if way < 0.65 and mesh.services:
        service = mesh.rng.choice(mesh.services)
        if service.namespace == namespace and mesh.chance(0.5):
            return service.name, service.ports
        return mesh.host(service), service.ports
    if way < 0.72 and mesh.services:
        service = mesh.rng.choice(mesh.services)
        broken = (
            f"{service.name}.{service.namespace}",
            f"{service.name}.{service.namespace}.svc",
            mesh.host(service).upper(),
            f"{service.name}.{service.namespace}.svc.other.domain",
        )
        return mesh.rng.choice(broken), service.ports
    other = mesh.rng.choice(list(mesh.namespaces))
    wide = (
        "*",
        "*.local",
        f"*.{mesh.domain}",
        f"*.svc.{mesh.domain}",
        f"*.{other}.svc.{mesh.domain}",
        f"*.{other}.svc.{mesh.domain}",
        "*.com",
    )
    return mesh.rng.choice(wide), list(SERVICE_PORTS)


def export_to(mesh: Mesh, namespace: str) -> list[str]:
    """An exportTo list in one of its forms."""
    others = [each for each in mesh.namespaces if each != namespace]
    forms = (["*"], ["."], ["."], [namespace], others[:1], others[-2:], [".", *others[:1]])
    return list(mesh.rng.choice(forms))


def add_destination_rule(mesh: Mesh, namespace: str, host: str, ports: Sequence[int]) -> JSONObject:
    """A DestinationRule for a host."""
    spec: JSONObject = {"host": host}
    if mesh.chance(0.85):
        spec["trafficPolicy"] = traffic_policy(mesh, ports)
    if mesh.chance(0.3):
        spec["subsets"] = subsets(mesh, ports)
    if mesh.chance(0.1):
        spec["workloadSelector"] = {"matchLabels": selector(mesh, namespace)}
        if mesh.chance(0.3):
            spec["exportTo"] = ["."]
    elif mesh.chance(0.35):
        spec["exportTo"] = export_to(mesh, namespace)
    name = mesh.pick(
        "dr", "tls", "a-dr", "z-dr", host.strip("*.").partition(".")[0].lower() or "all"
    )
    found = mesh.add("DestinationRule", mesh.pick(*VERSIONS), namespace, name, spec)
    stamp(mesh, found)
    return found


def add_destination_rules(mesh: Mesh, most: int = 7) -> None:
    """Rules in client, service, root and other namespaces, several for one host now and then."""
    for _ in range(mesh.rng.randint(1, most)):
        namespace = mesh.rng.choice([*mesh.namespaces, mesh.root])
        host, ports = rule_host(mesh, namespace)
        for _ in range(mesh.rng.choices((1, 2, 3), (7, 2, 1))[0]):
            add_destination_rule(mesh, namespace, host, ports)


def service_entry(mesh: Mesh, hosts: list[str], *, selecting: bool = False) -> JSONObject:
    """The spec of a ServiceEntry; `selecting` leaves room for a workloadSelector."""
    ports: list[JSON] = []
    for number in mesh.rng.sample(SERVICE_PORTS, mesh.pick(1, 1, 2)):
        protocol = mesh.pick("HTTP", "TCP", "GRPC")
        port: JSONObject = {"number": number, "name": f"p-{number}", "protocol": protocol}
        if mesh.chance(0.3):
            port["targetPort"] = mesh.rng.choice(CONTAINER_PORTS)
        ports.append(port)
    spec: JSONObject = {"hosts": hosts, "ports": ports}
    location = mesh.pick("MESH_INTERNAL", "MESH_EXTERNAL", None)
    if location:
        spec["location"] = location
    wild = any(host.startswith("*") for host in hosts)
    resolution = mesh.pick("STATIC", "STATIC", "DNS", "NONE")
    if wild:
        resolution = mesh.pick("NONE", "NONE", "DYNAMIC_DNS") if mesh.more else "NONE"
    elif mesh.more and resolution == "DNS":
        resolution = mesh.pick("DNS", "DNS_ROUND_ROBIN")
    spec["resolution"] = resolution
    if resolution == "STATIC" and not selecting:
        spec["endpoints"] = [endpoint(mesh, index) for index in range(mesh.pick(1, 2))]
    elif resolution == "DNS" and mesh.chance(0.3) and not selecting:
        spec["endpoints"] = [{"address": "backend.example.com", "labels": {"version": "v1"}}]
    return spec


def endpoint(mesh: Mesh, index: int) -> JSONObject:
    """An address outside the cluster, some with a proxy of the mesh."""
    address = f"192.168.{mesh.rng.randrange(4)}.{10 + index}"
    found: JSONObject = {"address": address, "labels": {"version": mesh.pick("v1", "v2")}}
    if mesh.chance(0.35):
        found["labels"]["security.istio.io/tlsMode"] = mesh.pick("istio", "istio", "disabled")
    elif mesh.chance(0.3):
        found["serviceAccount"] = "vm"
    return found


def add_service_entries(mesh: Mesh, share: float = 0.35) -> None:
    """ServiceEntries for hosts outside the cluster."""
    if not mesh.chance(share):
        return
    for host in mesh.rng.sample(
        ("api.example.com", "*.example.com", "db.corp.local", "pay.internal"), mesh.pick(1, 1, 2)
    ):
        namespace = mesh.rng.choice(list(mesh.namespaces))
        name = host.strip("*.").replace(".", "-")
        found = mesh.add(
            "ServiceEntry", mesh.pick(*VERSIONS), namespace, name, service_entry(mesh, [host])
        )
        stamp(mesh, found, unique=True)
        mesh.external.append(host)
