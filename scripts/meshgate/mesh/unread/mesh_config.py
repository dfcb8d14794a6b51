"""MeshConfig, where a dump of a cluster has it, against the facts that are declared of the mesh."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from msgspec import Struct

from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.covers import named
from meshgate.mesh.unread.texts import deciding_keys, mapping
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

CONFIG_MAP = "istio"
KEY = "mesh"
# Keys on which no call depends: logs, metrics, timeouts, how proxies reach the control plane.
_HARMLESS = frozenset(
    {
        "accessLogEncoding",
        "accessLogFile",
        "accessLogFormat",
        "ca",
        "caCertificates",
        "certificates",
        "connectTimeout",
        "defaultHttpRetryPolicy",
        "defaultProviders",
        "disableEnvoyListenerLog",
        "dnsRefreshRate",
        "enableEnvoyAccessLogService",
        "enablePrometheusMerge",
        "enableTracing",
        "hboneIdleTimeout",
        "inboundClusterStatName",
        "ingressClass",
        "ingressControllerMode",
        "ingressSelector",
        "ingressService",
        "localityLbSetting",
        "meshMTLS",
        "outboundClusterStatName",
        "protocolDetectionTimeout",
        "proxyHttpPort",
        "proxyInboundListenPort",
        "proxyListenPort",
        "statNameLength",
        "tcpKeepalive",
        "thriftConfig",
        "tlsDefaults",
        "verifyCertificateAtClient",
    }
)
# Keys that facts of environments.yaml, or the model, are compared with.
_STATED = frozenset(
    {
        "defaultDestinationRuleExportTo",
        "defaultServiceExportTo",
        "defaultVirtualServiceExportTo",
        "discoverySelectors",
        "enableAutoMtls",
        "extensionProviders",
        "outboundTrafficPolicy",
        "pathNormalization",
        "rootNamespace",
        "trustDomain",
        "trustDomainAliases",
    }
)
_AUTHORIZERS = {"envoyExtAuthzHttp": "http", "envoyExtAuthzGrpc": "grpc"}


class Contradiction(Struct, frozen=True):
    """What MeshConfig says otherwise than the declared facts; `key` empty: all of it may.

    decides  whether every call depends on it; else authorization alone does
    """

    resource: Resource
    key: str
    text: str
    decides: bool = True

    @property
    def places(self) -> bool:
        """Whether it says which policies there are, so that modes of servers depend on it too."""
        return self.key in {"", "rootNamespace", "discoverySelectors", "configSources"}

    @property
    def reason(self) -> str:
        """Why calls are undecided."""
        return f"{named(self.resource)} says {self.text}"


def contradictions(catalog: Catalog, facts: MeshFacts) -> Iterator[Contradiction]:
    """What the ConfigMap of the control plane contradicts, or says that no fact can state."""
    wanted = {CONFIG_MAP, f"{CONFIG_MAP}-{facts.revision}"} if facts.revision else {CONFIG_MAP}
    configs = [each for each in catalog.of("ConfigMap") if each.name in wanted]
    # That of the revision replaces the common one.
    for resource in sorted(configs, key=lambda each: len(each.name))[-1:]:
        data: JSON = resource.value.get("data")
        text: JSON = data.get(KEY) if isinstance(data, dict) else None
        if not isinstance(text, str):
            continue
        config = mapping(text, named(resource))
        if config is None:
            yield Contradiction(resource, "", "what cannot be read as MeshConfig")
        else:
            yield from _compared(resource, config, facts)


def transport_facts(
    config: JSONObject, facts: MeshFacts, namespace: str
) -> dict[str, tuple[JSON, JSON]]:
    """What environments.yaml and MeshConfig say of what decides transport, by MeshConfig's fields.

    `namespace` is what MeshConfig means where it names no root namespace.
    """
    policy = _object(config.get("outboundTrafficPolicy"))
    return {
        "rootNamespace": (facts.root_namespace, config.get("rootNamespace") or namespace),
        "enableAutoMtls": (facts.enable_auto_mtls, config.get("enableAutoMtls", True)),
        "outboundTrafficPolicy": (
            facts.outbound_traffic_policy,
            policy.get("mode") or "ALLOW_ANY",
        ),
        "defaultDestinationRuleExportTo": (
            list(facts.default_destination_rule_export_to),
            config.get("defaultDestinationRuleExportTo") or ["*"],
        ),
        "discoverySelectors": (
            list(facts.discovery_selectors),
            config.get("discoverySelectors") or [],
        ),
    }


def authorization_facts(config: JSONObject, facts: MeshFacts) -> dict[str, tuple[JSON, JSON]]:
    """As `transport_facts`, of what decides who gets in."""
    return {
        "trustDomain": (facts.trust_domain, config.get("trustDomain") or "cluster.local"),
        "trustDomainAliases": (
            sorted(facts.trust_domain_aliases),
            sorted(map(str, config.get("trustDomainAliases") or [])),
        ),
        "pathNormalization": (
            facts.path_normalization,
            _normalization(config.get("pathNormalization")),
        ),
        "extensionProviders": (
            sorted(f"{each.name} ({each.kind})" for each in facts.extension_providers),
            sorted(_authorizers(config.get("extensionProviders"))),
        ),
    }


def unstated_facts(config: JSONObject) -> dict[str, tuple[JSON, JSON]]:
    """As `transport_facts`, of what no fact can state: the model knows Istio's defaults alone."""
    return {
        key: (["*"], config.get(key) or ["*"])
        for key in ("defaultServiceExportTo", "defaultVirtualServiceExportTo")
    }


def unmodelled_keys(config: JSONObject) -> list[str]:
    """The keys of MeshConfig that may decide on a call and that nothing here reads, sorted.

    Those that decide nothing are known; a key that a later release has is not among them.
    """
    own = _object(config.get("defaultConfig"))
    known = {*_STATED, *_HARMLESS, "defaultConfig"} - {"meshMTLS"}
    keys = [key for key in config if key not in known and config[key] not in (None, "", {}, [])]
    return sorted([*keys, *(f"defaultConfig.{key}" for key in deciding_keys(own))])


def _compared(resource: Resource, config: JSONObject, facts: MeshFacts) -> Iterator[Contradiction]:
    deciding: Mapping[str, tuple[JSON, JSON]] = {
        **transport_facts(config, facts, namespace_of(resource)),
        **unstated_facts(config),
    }
    of_authorization = authorization_facts(config, facts)
    for compared in (deciding, of_authorization):
        for key, (declared, actual) in compared.items():
            if declared != actual:
                text = f"{key} {_shown(actual)}, declared is {_shown(declared)}"
                yield Contradiction(resource, key, text, decides=compared is deciding)
    for key in deciding_keys(_object(config.get("defaultConfig"))):
        yield Contradiction(resource, "defaultConfig", f"defaultConfig.{key}, which is not read")
    known = {*deciding, *of_authorization, *_HARMLESS, "defaultConfig"}
    for key in sorted(set(config) - known):
        if config[key] not in (None, "", {}, []):
            yield Contradiction(resource, key, f"{key}, which is not read")


def _normalization(value: JSON) -> str:
    stated = str(_object(value).get("normalization") or "DEFAULT")
    return "BASE" if stated == "DEFAULT" else stated


def _authorizers(value: JSON) -> Iterator[str]:
    """The external authorizers; providers of traces and logs decide nothing."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            for key, kind in _AUTHORIZERS.items():
                if key in item:
                    yield f"{item.get('name')} ({kind})"


def _shown(value: JSON) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}
