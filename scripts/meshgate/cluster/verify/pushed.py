"""What istiod has pushed to proxies, against what the model says of the same objects.

Read from the config dump of istiod's debug interface (release 1.31): the chains of the listener
`virtualInbound` tell what a server accepts, the transport sockets of `outbound` clusters what a
client sends.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meshgate.mesh import ClientPolicy, Mesh, Mode, Tls, Transport, Workload
from meshgate.model import JSONObject

INBOUND = "virtualInbound"
BLACKHOLE = 15006
OUTBOUND = "outbound"
SIDECAR = "sidecar"
# The certificate of the mesh, as sidecars get it.
MESH_CERTIFICATE = "default"
TLS_PROTOCOL = "tls"


class PushedTransport(enum.StrEnum):
    """What the cluster of a proxy makes of a call."""

    PLAINTEXT = "plaintext"
    MTLS = "mtls"
    TLS = "tls"
    # Mesh mTLS to endpoints that can, plaintext to others.
    AUTO = "auto mTLS"


class Disagreement(NamedTuple):
    """A port or a cluster for which istiod and the model say different things."""

    workload: Workload
    what: str  # `port 8080`, `calls to HOST:PORT`
    model: str
    pushed: str


class ProxyComparison(NamedTuple):
    """What was compared, and where it differs."""

    ports: int
    clusters: int
    # What the model leaves open.
    open: int
    disagreements: tuple[Disagreement, ...]


class LateProxy(NamedTuple):
    """A proxy that has not taken what istiod sent it; `sent` is the mark of that push."""

    proxy: str
    what: str
    error: str
    sent: str


def late(proxies: Iterable[JSONObject]) -> list[LateProxy]:
    """The proxies that are behind, with what they have not taken."""
    listed = []
    for proxy in proxies:
        for kind in ("cluster", "listener", "route", "endpoint"):
            sent, taken = proxy.get(f"{kind}_sent"), proxy.get(f"{kind}_acked")
            if sent and sent != taken:
                errors = (
                    str(each.get("lastError") or "")
                    for name, each in (proxy.get("resources") or {}).items()
                    if f".{kind}." in name.lower()
                )
                error = next((each for each in errors if each), "")
                listed.append(LateProxy(proxy["proxy"], f"{kind}s", error, str(sent)))
    return listed


def compare(mesh: Mesh, workload: Workload, dump: JSONObject) -> ProxyComparison:
    """What one proxy of a workload was given against what the model says."""
    chains = list(_chains(dump))
    ports = [
        (port, answer.mode)
        for port in mesh.ports(workload)
        if (answer := mesh.mode_at(workload, port)).decided and answer.captured and answer.mode
    ]
    disagreements = [
        Disagreement(workload, f"port {port}", mode, _mode_name(pushed))
        for port, mode in ports
        if (pushed := accepted_mode(chains, port)) is not mode
    ]
    compared = 0
    left_open = len(mesh.ports(workload)) - len(ports)
    for host, port, subset, sent in clusters(dump):
        try:
            policy = mesh.client_policy(workload, host, port, subset or None)
        except LookupError:
            left_open += 1
            continue
        wanted = expected(policy)
        if wanted is None:
            left_open += 1
            continue
        compared += 1
        if sent not in wanted:
            subset_of = f" subset {subset}" if subset else ""
            model = " or ".join(sorted(wanted))
            disagreements.append(
                Disagreement(workload, f"calls to {host}:{port}{subset_of}", model, sent)
            )
    return ProxyComparison(len(ports), compared, left_open, tuple(disagreements))


def accepted_mode(chains: Iterable[JSONObject], port: int) -> Mode | None:
    """What a server's chains accept on a port; None: nothing at all."""
    listed = list(chains)
    own = [each for each in listed if _match(each).get("destinationPort") == port]
    for_all = [each for each in listed if "destinationPort" not in _match(each)]
    plaintext = mutual = False
    for chain in own or for_all:
        if chain.get("transportSocket"):
            mutual = True
        elif _match(chain).get("transportProtocol") != TLS_PROTOCOL:
            plaintext = True
    if mutual:
        return Mode.PERMISSIVE if plaintext else Mode.STRICT
    return Mode.DISABLE if plaintext else None


def clusters(dump: JSONObject) -> Iterator[tuple[str, int, str, PushedTransport]]:
    """The clusters for calls: host, port, subset (empty for none), and what is sent."""
    for entry in _part(dump, "ClustersConfigDump").get("dynamicActiveClusters") or ():
        cluster = entry.get("cluster") or {}
        parts = str(cluster.get("name")).split("|")
        if len(parts) == len(("direction", "port", "subset", "host")) and parts[0] == OUTBOUND:
            yield parts[3], int(parts[1]), parts[2], sent_by(cluster)


def sent_by(cluster: JSONObject) -> PushedTransport:
    """What a cluster sends."""
    if cluster.get("transportSocketMatches"):
        return PushedTransport.AUTO
    socket = cluster.get("transportSocket") or {}
    context = (socket.get("typedConfig") or {}).get("commonTlsContext")
    if context is None:
        return PushedTransport.PLAINTEXT
    names = {each.get("name") for each in context.get("tlsCertificateSdsSecretConfigs") or ()}
    return PushedTransport.MTLS if MESH_CERTIFICATE in names else PushedTransport.TLS


def expected(policy: ClientPolicy) -> frozenset[PushedTransport] | None:
    """What the model's answer may look like in a cluster; None: the model leaves it open."""
    if not policy.decided or policy.discovery is None:
        return None
    if policy.tls is Tls.DISABLE or policy.dropped:
        return frozenset({PushedTransport.PLAINTEXT})
    if policy.tls is not Tls.NONE:
        mesh = policy.tls is Tls.ISTIO_MUTUAL
        return frozenset({PushedTransport.MTLS if mesh else PushedTransport.TLS})
    sent = {each.transport for each in policy.deliveries}
    plain = frozenset(
        {PushedTransport.MTLS if Transport.MTLS in sent else PushedTransport.PLAINTEXT}
    )
    # One endpoint or many, the cluster leaves the choice to each endpoint.
    return frozenset({PushedTransport.AUTO}) | plain if policy.auto else plain


def _chains(dump: JSONObject) -> Iterator[JSONObject]:
    for entry in _part(dump, "ListenersConfigDump").get("dynamicListeners") or ():
        listener = (entry.get("activeState") or {}).get("listener") or {}
        if listener.get("name") == INBOUND:
            for chain in listener.get("filterChains") or ():
                if _match(chain).get("destinationPort") != BLACKHOLE:
                    yield chain


def _part(dump: JSONObject, name: str) -> JSONObject:
    for config in dump.get("configs") or ():
        if str(config.get("@type")).endswith(name):
            part: JSONObject = config
            return part
    return {}


def _match(chain: JSONObject) -> JSONObject:
    match: JSONObject = chain.get("filterChainMatch") or {}
    return match


def _mode_name(mode: Mode | None) -> str:
    return mode if mode is not None else "nothing"
