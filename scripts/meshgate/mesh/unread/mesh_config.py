"""MeshConfig, where a dump of a cluster has it, against the facts that are declared of the mesh."""

from __future__ import annotations

import json
import re
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


# Fields with values that are numbers in the protocol, and may be written so, too.
_NUMBERED = {
    ("outboundTrafficPolicy", "mode"): ("REGISTRY_ONLY", "ALLOW_ANY"),
    ("pathNormalization", "normalization"): (
        *("DEFAULT", "NONE", "BASE", "MERGE_SLASHES"),
        "DECODE_AND_MERGE_SLASHES",
    ),
}
# What istiod takes for the keys that are read; with anything else it takes nothing of the text.
_TYPES: dict[str, type] = {
    "defaultConfig": dict,
    "defaultDestinationRuleExportTo": list,
    "defaultServiceExportTo": list,
    "defaultVirtualServiceExportTo": list,
    "discoverySelectors": list,
    "enableAutoMtls": bool,
    "extensionProviders": list,
    "outboundTrafficPolicy": dict,
    "pathNormalization": dict,
    "rootNamespace": str,
    "trustDomain": str,
    "trustDomainAliases": list,
}
# A text that it takes for no domain.
_REFUSED = {"trustDomain": ""}
# Stated as a list of nothing, they are not what they are where nothing is stated.
_EXPORTED = (
    "defaultDestinationRuleExportTo",
    "defaultServiceExportTo",
    "defaultVirtualServiceExportTo",
)
# Of which one layer replaces what a layer below says of the same name.
_NAMED = "extensionProviders"
_ADDED = "trustDomainAliases"
_MERGED = ("defaultConfig", "defaultProviders")


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
            yield from _compared(resource, normal(config), facts)


def normal(config: JSONObject) -> JSONObject:
    """A MeshConfig as its documentation spells it.

    JSON of a protocol buffer may have a field by its name in the protocol (`trust_domain`) and a
    value of an enumeration by its number; null is no value.
    """
    spelled = _spelled(config)
    for (key, field), names in _NUMBERED.items():
        inner = spelled.get(key)
        if isinstance(inner, dict):
            inner = spelled[key] = _spelled(inner)
            number = inner.get(field)
            if (
                isinstance(number, int)
                and not isinstance(number, bool)
                and number in range(len(names))
            ):
                inner[field] = names[number]
    if isinstance(own := spelled.get("defaultConfig"), dict):
        spelled["defaultConfig"] = _spelled(own)
    return spelled


def layered(below: JSONObject, above: JSONObject) -> JSONObject:
    """What two texts of MeshConfig mean together (istio.io/istio, ApplyMeshConfig).

    Keys override, but for the proxies' own configuration, which is merged, and for what is listed
    by name.
    """
    both = {**below, **above}
    for key in _MERGED:
        if key in below and key in above:
            both[key] = {**_object(below[key]), **_object(above[key])}
    for key in (_NAMED, _ADDED):
        if key in below and key in above:
            both[key] = [*_list(below[key]), *_list(above[key])]
    return both


def refused_keys(config: JSONObject) -> list[str]:
    """The keys whose value istiod cannot take, so that it takes nothing of the text, sorted."""
    return sorted(
        key
        for key, kind in _TYPES.items()
        if key in config
        and not (isinstance(config[key], kind) and config[key] != _REFUSED.get(key))
    )


def transport_facts(
    config: JSONObject, facts: MeshFacts, namespace: str
) -> dict[str, tuple[JSON, JSON]]:
    """What environments.yaml and MeshConfig say of what decides transport, by MeshConfig's fields.

    `namespace` is what MeshConfig means where it names no root namespace.
    """
    return {
        "rootNamespace": (facts.root_namespace, config.get("rootNamespace") or namespace),
        "enableAutoMtls": (facts.enable_auto_mtls, config.get("enableAutoMtls", True)),
        "outboundTrafficPolicy": (
            facts.outbound_traffic_policy,
            _outbound(config.get("outboundTrafficPolicy")),
        ),
        "defaultDestinationRuleExportTo": (
            sorted(facts.default_destination_rule_export_to),
            _texts(config.get("defaultDestinationRuleExportTo")) or ["*"],
        ),
        "discoverySelectors": (
            sorted(facts.discovery_selectors, key=_text),
            sorted(_list(config.get("discoverySelectors")), key=_text),
        ),
    }


def authorization_facts(config: JSONObject, facts: MeshFacts) -> dict[str, tuple[JSON, JSON]]:
    """As `transport_facts`, of what decides who gets in."""
    return {
        "trustDomain": (facts.trust_domain, config.get("trustDomain") or "cluster.local"),
        "trustDomainAliases": (
            sorted(set(facts.trust_domain_aliases)),
            _texts(config.get("trustDomainAliases")),
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
        key: (["*"], _texts(config.get(key)) or ["*"])
        for key in ("defaultServiceExportTo", "defaultVirtualServiceExportTo")
    }


def unmodelled_keys(config: JSONObject) -> list[str]:
    """The keys of MeshConfig that may decide on a call and that nothing here reads, sorted.

    Those that decide nothing are known; a key that a later release has is not among them.
    """
    own = _object(config.get("defaultConfig"))
    known = {*_STATED, *_HARMLESS, "defaultConfig"} - {"meshMTLS"}
    keys = [key for key in config if key not in known and config[key] not in (None, "", {}, [])]
    keys += [key for key in _EXPORTED if config.get(key) == []]
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


def _outbound(value: JSON) -> JSON:
    """The mode; where the policy is stated without one it is the first of its enumeration."""
    if not isinstance(value, dict):
        return "ALLOW_ANY"
    return value.get("mode") or "REGISTRY_ONLY"


def _normalization(value: JSON) -> str:
    stated = str(_object(value).get("normalization") or "DEFAULT")
    return "BASE" if stated == "DEFAULT" else stated


def _authorizers(value: JSON) -> Iterator[str]:
    """The external authorizers; providers of traces and logs decide nothing."""
    # The last of a name replaces those before.
    named_last = {item.get("name"): item for item in _list(value) if isinstance(item, dict)}
    for name, item in named_last.items():
        for key, kind in _AUTHORIZERS.items():
            if key in item:
                yield f"{name} ({kind})"


def _shown(value: JSON) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _object(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _texts(value: JSON) -> list[str]:
    """A list of texts of which neither the order nor how often one is there says anything."""
    return sorted(set(map(str, _list(value))))


def _text(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _spelled(value: JSONObject) -> JSONObject:
    """The keys as JSON has them, those of nothing left out; who writes both means that of JSON."""
    spelled: JSONObject = {}
    for key, inner in sorted(value.items(), key=lambda each: "_" not in str(each[0])):
        if inner is not None:
            spelled[re.sub(r"_(.)", lambda match: match[1].upper(), str(key))] = inner
    return spelled
