"""YAML that objects hold as text: MeshConfig in a ConfigMap, ProxyConfig in an annotation."""

from __future__ import annotations

from meshgate.errors import MeshgateError
from meshgate.model import JSONObject
from meshgate.yamldoc.reading import documents

# What of a ProxyConfig changes no call: how the proxy starts, ends, logs and is measured.
_HARMLESS = frozenset(
    {
        "concurrency",
        "controlPlaneAuthPolicy",
        "discoveryAddress",
        "drainDuration",
        "envoyAccessLogService",
        "envoyMetricsService",
        "extraStatTags",
        "fileFlushInterval",
        "fileFlushMinSizeKb",
        "gatewayTopology",
        "holdApplicationUntilProxyStarts",
        "image",
        "meshId",
        "parentShutdownDuration",
        "privateKeyProvider",
        "proxyHeaders",
        "proxyStatsMatcher",
        "readinessProbe",
        "runtimeValues",
        "serviceCluster",
        "statNameLength",
        "statsdUdpAddress",
        "terminationDrainDuration",
        "tracing",
        "tracingServiceName",
        "zipkinAddress",
    }
)


def mapping(text: str, name: str) -> JSONObject | None:
    """The mapping that a text holds, empty for an empty text; None: it cannot be read."""
    try:
        values = [parsed.value for parsed in documents(text, name)]
    except MeshgateError:
        return None
    value = values[0] if values else None
    return {} if value is None else value if isinstance(value, dict) else None


def deciding_keys(config: JSONObject) -> list[str]:
    """The keys of a ProxyConfig on which calls may depend."""
    return sorted(
        key
        for key, value in config.items()
        if key not in _HARMLESS
        and value not in (None, "", {}, [])
        and not (key == "interceptionMode" and value in {"REDIRECT", "TPROXY"})
    )
