"""Host names as istiod wants them (agent.ValidateWildcardDomain, agent.ValidateFQDN).

The functions return what is wrong, or None.
"""

from __future__ import annotations

import re
from functools import lru_cache

from meshgate.schema import golang

MAX_LENGTH = 255
MAX_LABEL = 63
LABEL = "[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
DNS_LABEL = re.compile(LABEL)
WILDCARD_LABEL = re.compile(rf"\*|(?:\*-?)?{LABEL}")

QUALIFIED_NAME = "(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
TAG_KEY = re.compile(rf"({LABEL}(?:\.{LABEL})*/)?({QUALIFIED_NAME})")
TAG_VALUE = re.compile(rf"(?:{QUALIFIED_NAME})?")
MAX_TAG_PREFIX = 253

CACHED = 65536


@lru_cache(maxsize=CACHED)
def is_dns_label(text: str) -> bool:
    """A DNS label in any case, at most 63 characters (labels.IsDNS1123Label)."""
    return len(text) <= MAX_LABEL and DNS_LABEL.fullmatch(text) is not None


@lru_cache(maxsize=CACHED)
def host(name: str) -> str | None:
    """A name whose first label may be, or begin with, `*`."""
    fault = _length(name)
    if fault is not None:
        return fault
    first, dot, rest = name.partition(".")
    if len(first) > MAX_LABEL or not WILDCARD_LABEL.fullmatch(first):
        return _bad_label(first)
    return _labels(rest) if dot else None


@lru_cache(maxsize=CACHED)
def fqdn(name: str) -> str | None:
    """A name without wildcard."""
    return _length(name) or _labels(name)


def partial_wildcard(name: str) -> str | None:
    """A `*` must be the whole first label where Sidecar and Gateway name hosts."""
    if "*" in name and name != "*" and not name.startswith("*."):
        return f"`{name}` has a wildcard inside a label; only `*` and `*.` at the start are allowed"
    return None


def listener_host(name: str, *, gateway: bool) -> list[str]:
    """A host of a Gateway server or of a Sidecar's egress, without its namespace.

    An address is allowed in a Gateway; a short name nowhere.
    """
    faults = []
    if name != "*" and "." not in name:
        faults.append(
            f"`{name}` is a short name; write the full name, such as {name or 'x'}.ns.svc"
        )
    fault = host(name)
    if fault is not None and not (gateway and golang.is_ip(name)):
        faults.append(fault)
    partial = partial_wildcard(name)
    return [*faults, partial] if partial else faults


def namespaced_host(name: str, *, gateway: bool, from_gateway_api: bool = False) -> list[str]:
    """`namespace/host` (agent.ValidateNamespaceSlashWildcardHostname)."""
    namespace, slash, rest = name.partition("/")
    if not slash:
        if gateway:
            return listener_host(name, gateway=True)
        return [f"`{name}` must name a namespace too: `namespace/host`, `*/host` or `./host`"]
    faults = []
    if not namespace or not rest:
        faults.append(f"`{name}` has nothing on one side of the slash")
    if gateway:
        anywhere = {"*", ".", "~"} if from_gateway_api else {"*", "."}
        if namespace not in anywhere and not is_dns_label(namespace):
            faults.append(f"`{namespace}` is no namespace")
    elif namespace:
        plain = namespace.removeprefix("~")
        if plain not in {"", "*", "."} and not is_dns_label(plain):
            faults.append(f"`{namespace}` is no namespace")
    return faults + listener_host(rest, gateway=gateway)


def tag_faults(labels: dict[str, str]) -> list[tuple[str, str]]:
    """Keys and values that no label can have (labels.Instance.Validate), by key."""
    return [(key, fault) for key, value in labels.items() for fault in _tag_faults(key, value)]


@lru_cache(maxsize=CACHED)
def _tag_faults(key: str, value: str) -> tuple[str, ...]:
    faults = []
    matched = TAG_KEY.fullmatch(key)
    if matched is None:
        faults.append(f"`{key}` is no label key")
    elif len(matched[2]) > MAX_LABEL or len(matched[1] or "") > MAX_TAG_PREFIX + 1:
        faults.append(f"the label key `{key}` is too long")
    if not TAG_VALUE.fullmatch(value):
        faults.append(f"`{value}` is no label value")
    return tuple(faults)


def _length(name: str) -> str | None:
    if not name:
        return "the host is empty"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_LENGTH:
        return f"the host has more than {MAX_LENGTH} characters"
    return None


def _labels(name: str) -> str | None:
    parts = name.split(".")
    if golang.integer(parts[-1]) is not None:
        return f"its last label `{parts[-1]}` is a number: an address cannot stand here"
    for index, label in enumerate(parts):
        if index == len(parts) - 1 and not label:  # a trailing dot
            return None
        if not is_dns_label(label):
            return _bad_label(label)
    return None


def _bad_label(label: str) -> str:
    if not label:
        return "it has an empty label (two dots in a row, or a dot at the start)"
    if "*" in label:
        return f"`{label}`: a wildcard is allowed only at the start of the whole name"
    if len(label) > MAX_LABEL:
        return f"`{label}` has more than {MAX_LABEL} characters"
    return f"`{label}` is no DNS label: letters, digits and dashes"
