"""What a proxy puts on the wire: cluster type, auto mTLS and the marks on endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.mesh import selectors
from meshgate.mesh.selectors import Labels
from meshgate.mesh.services import Endpoint, Resolution, Service
from meshgate.mesh.terms import DataPlane, Discovery, Mode, Tls, Transport
from meshgate.mesh.traffic_policy import Resolved

_TYPES = {
    Resolution.STATIC: Discovery.EDS,
    Resolution.DNS: Discovery.STRICT_DNS,
    Resolution.DNS_ROUND_ROBIN: Discovery.LOGICAL_DNS,
    Resolution.DYNAMIC_DNS: Discovery.DYNAMIC_DNS,
    Resolution.PASSTHROUGH: Discovery.ORIGINAL_DST,
}
_RESOLVED_BY_NAME = frozenset({Discovery.STRICT_DNS, Discovery.LOGICAL_DNS})
_EXPLICIT = {
    Tls.DISABLE: Transport.PLAINTEXT,
    Tls.SIMPLE: Transport.TLS,
    Tls.MUTUAL: Transport.MTLS_USER,
    Tls.ISTIO_MUTUAL: Transport.MTLS,
}


def discovery(
    service: Service,
    resolved: Resolved,
    everywhere: Sequence[Endpoint],
    endpoints: Sequence[Endpoint],
    plane: DataPlane,
) -> Discovery:
    """The type of the cluster (convertResolution, applyLoadBalancer, buildSubsetCluster).

    `everywhere` are the endpoints of the port, `endpoints` those of the subset. A name-resolved
    cluster without endpoints is not built, nor are then the clusters of its subsets; that of a
    subset alone is built where PASSTHROUGH came before.
    """
    kind = _TYPES[service.resolution]
    if kind is Discovery.DYNAMIC_DNS:
        # Its balancer is the cluster's own; no rule sets another one.
        return kind
    if kind is Discovery.ORIGINAL_DST and plane is DataPlane.GATEWAY:
        # Gateways do not see the caller's destination address.
        kind = Discovery.EDS
    if kind in _RESOLVED_BY_NAME and not (everywhere and (endpoints or resolved.early)):
        return Discovery.NO_CLUSTER
    return Discovery.ORIGINAL_DST if resolved.passthrough else kind


def is_auto(
    service: Service,
    resolved: Resolved,
    everywhere: Sequence[Endpoint],
    namespace_mode: Mode,
    *,
    enabled: bool,
) -> bool:
    """Whether auto mTLS makes this a cluster that may send mesh mTLS (buildUpstreamTLSSettings).

    `everywhere` are the endpoints of the port, whatever the subset: where the destination address
    is kept, one without sidecar, or none at all, turns mTLS off for all.
    """
    if resolved.tls is not Tls.NONE or not enabled or service.external:
        return False
    tested = service.resolution is Resolution.PASSTHROUGH or resolved.tested
    if tested and not (everywhere and all(endpoint.mtls for endpoint in everywhere)):
        return False
    return namespace_mode is not Mode.DISABLE


def explicit(tls: Tls) -> Transport | None:
    """What a `tls` block sends, whoever listens; None: there is no block."""
    return _EXPLICIT.get(tls)


def transport(
    endpoint: Endpoint,
    resolved: Resolved,
    kind: Discovery,
    mode: Mode,
    *,
    auto: bool,
    dropped: bool,
) -> Transport:
    """What is sent to one endpoint. `mode` is what its port enforces (mtlsChecker)."""
    if resolved.tls is not Tls.NONE:
        return Transport.PLAINTEXT if dropped else _EXPLICIT[resolved.tls]
    if not auto:
        return Transport.PLAINTEXT
    if kind is Discovery.ORIGINAL_DST:
        return Transport.MTLS
    if not endpoint.mtls:
        return Transport.PLAINTEXT
    if resolved.marks is not None:
        return Transport.MTLS if resolved.marks is Tls.ISTIO_MUTUAL else Transport.PLAINTEXT
    return Transport.PLAINTEXT if mode is Mode.DISABLE else Transport.MTLS


def of_subset(endpoints: Sequence[Endpoint], wanted: Labels | None) -> Sequence[Endpoint]:
    """The endpoints that carry a subset's labels."""
    if not wanted:
        return endpoints
    return [endpoint for endpoint in endpoints if selectors.matches(wanted, endpoint.labels)]
