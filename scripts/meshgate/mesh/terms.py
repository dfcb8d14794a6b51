"""The words for Istio's decisions; the values are those of the JSON output."""

from __future__ import annotations

import enum


class Mode(enum.StrEnum):
    """What a server port enforces."""

    STRICT = "STRICT"
    PERMISSIVE = "PERMISSIVE"
    DISABLE = "DISABLE"


class Level(enum.StrEnum):
    """The scope of the PeerAuthentication that decides, narrowest first."""

    PORT = "port"
    WORKLOAD = "workload"
    NAMESPACE = "namespace"
    MESH = "mesh"
    DEFAULT = "default"


class DataPlane(enum.StrEnum):
    """What stands between a workload and the wire."""

    SIDECAR = "sidecar"
    AMBIENT = "ambient"
    GATEWAY = "gateway"
    NONE = "none"
    # The inventory does not tell: its reason is with the workload.
    UNKNOWN = "unknown"


class Tls(enum.StrEnum):
    """The mode of a DestinationRule's resolved `tls` block."""

    NONE = "NONE"
    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


# TLS that a DestinationRule's own certificates make, not the mesh's.
ORIGINATED = frozenset({Tls.SIMPLE, Tls.MUTUAL})


class Transport(enum.StrEnum):
    """What is put on the wire."""

    PLAINTEXT = "plaintext"
    MTLS = "mtls"
    TLS = "tls"
    MTLS_USER = "mtls-user"


class Discovery(enum.StrEnum):
    """The type of the cluster that Istio builds for a service port."""

    EDS = "EDS"
    ORIGINAL_DST = "ORIGINAL_DST"
    STRICT_DNS = "STRICT_DNS"
    LOGICAL_DNS = "LOGICAL_DNS"
    # A wildcard host that the proxy resolves per request.
    DYNAMIC_DNS = "DYNAMIC_DNS"
    NO_CLUSTER = "NO_CLUSTER"


class Place(enum.StrEnum):
    """Where a client got the DestinationRules of a host from."""

    CLIENT = "client"
    SERVICE = "service"
    ROOT = "root"
    NOWHERE = "nowhere"


class Outcome(enum.StrEnum):
    """What becomes of a call."""

    OK_MTLS = "ok-mtls"
    OK_PLAINTEXT = "ok-plaintext"
    REFUSED = "refused"
    PROTOCOL_ERROR = "protocol-error"
    TLS_TO_APP = "tls-to-app"
    MTLS_USER_TERMINATED = "mtls-user-terminated"
    # A NetworkPolicy drops the packets: no proxy and no policy of the mesh sees them.
    BLOCKED = "blocked"
    # ztunnel refuses plaintext.
    DENIED = "denied"
    # Leaves the mesh: what the server accepts is not known here.
    EXTERNAL = "external"
    NO_ENDPOINT = "no-endpoint"
    NO_CLUSTER = "no-cluster"
    # The client's own proxy answers: a redirect or a direct response of a VirtualService.
    ANSWERED = "answered"
    UNKNOWN = "unknown"


class Verdict(enum.StrEnum):
    """An outcome in one word. `depends`: on the application's own TLS or certificates."""

    WORKS = "works"
    BROKEN = "broken"
    DEPENDS = "depends"
    UNKNOWN = "unknown"


_VERDICTS = {
    Outcome.OK_MTLS: Verdict.WORKS,
    Outcome.OK_PLAINTEXT: Verdict.WORKS,
    Outcome.REFUSED: Verdict.BROKEN,
    Outcome.PROTOCOL_ERROR: Verdict.BROKEN,
    Outcome.BLOCKED: Verdict.BROKEN,
    Outcome.DENIED: Verdict.BROKEN,
    Outcome.NO_CLUSTER: Verdict.BROKEN,
    Outcome.NO_ENDPOINT: Verdict.UNKNOWN,
    Outcome.UNKNOWN: Verdict.UNKNOWN,
    Outcome.EXTERNAL: Verdict.DEPENDS,
    Outcome.ANSWERED: Verdict.DEPENDS,
    Outcome.MTLS_USER_TERMINATED: Verdict.DEPENDS,
}


def verdict(outcome: Outcome, transport: Transport | None) -> Verdict:
    """Whether a call works.

    Mesh mTLS that reaches an application is broken: no application has the mesh's certificates;
    TLS that a rule originates on purpose depends on the application.
    """
    if outcome is Outcome.TLS_TO_APP:
        return Verdict.BROKEN if transport is Transport.MTLS else Verdict.DEPENDS
    return _VERDICTS[outcome]
