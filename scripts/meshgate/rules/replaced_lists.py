"""The lists of mesh objects for which kustomize has no merge key: a patch replaces them whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from msgspec import Struct

from meshgate.model import JSON, JSONObject, value_at

PORTS = "trafficPolicy.portLevelSettings"
# How much of an entry without a name is shown.
SHOWN = 70

Label = Callable[[JSON], Iterator[str]]


class Entries(Struct, frozen=True):
    """One such list: where it stands, and what its entries are called."""

    path: str
    entries: frozenset[str]


def lists(value: JSONObject | None) -> dict[str, Entries]:
    """The lists of an object that patches replace, by name."""
    by_name: dict[str, Entries] = {}

    def note(name: str, path: str, label: Label) -> None:
        items = value_at(value, path)
        if isinstance(items, list):
            entries = frozenset(text for item in items for text in label(item))
            by_name[name] = Entries(path, entries)

    for name, label in (COMMON | LISTS.get(str((value or {}).get("kind")), {})).items():
        note(name, f"spec.{PORTS}" if name == "portLevelSettings" else f"spec.{name}", label)
    subsets = value_at(value, "spec.subsets")
    for index, subset in enumerate(subsets if isinstance(subsets, list) else ()):
        name = f"portLevelSettings of subset {value_at(subset, 'name')}"
        note(name, f"spec.subsets[{index}].{PORTS}", _by("port.number"))
    return by_name


def _itself(item: JSON) -> Iterator[str]:
    """An entry that is known by its whole content."""
    yield item if isinstance(item, str) else _shown(item)


def _by(*keys: str) -> Label:
    """An entry that is known by the first of these keys that it has."""

    def label(item: JSON) -> Iterator[str]:
        for key in keys:
            named = value_at(item, key)
            if named is not None:
                yield named if isinstance(named, str) else _shown(named)
                return
        yield _shown(item)

    return label


def _access_rule(item: JSON) -> Iterator[str]:
    """A rule of an AuthorizationPolicy: by whom it is for, else what, else when."""
    for key in ("from", "to", "when"):
        part = value_at(item, key)
        if part:
            yield f"the rule {key} {_shown(part)}"
            return
    yield "the rule for every request"


def _route(item: JSON) -> Iterator[str]:
    """A route of a VirtualService: by its name, else by what it matches."""
    named = value_at(item, "name")
    match = value_at(item, "match")
    if named:
        yield f"route {named}"
    else:
        yield f"the route for {_shown(match)}" if match else "the route for all other requests"


def _server(item: JSON) -> Iterator[str]:
    """A server of a Gateway: each of its hosts, on its port."""
    hosts = value_at(item, "hosts")
    for host in hosts if isinstance(hosts, list) else ():
        yield f"{host} on port {value_at(item, 'port.number')}"


def _egress(item: JSON) -> Iterator[str]:
    """An egress listener of a Sidecar: each of its hosts, on its port where it has one."""
    hosts = value_at(item, "hosts")
    port = value_at(item, "port.number")
    for host in hosts if isinstance(hosts, list) else ():
        yield f"{host} on port {port}" if port else str(host)


def _shown(item: JSON) -> str:
    """An entry in one line, shortened; quotes only where YAML needs them."""
    text = json.dumps(item, ensure_ascii=False).replace('"', "")
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


# By name of the list, which is its place in `spec`: what its entries are known by.
COMMON: dict[str, Label] = {"exportTo": _itself}
LISTS: dict[str, dict[str, Label]] = {
    "AuthorizationPolicy": {"rules": _access_rule, "targetRefs": _by("name")},
    "DestinationRule": {"subsets": _by("name"), "portLevelSettings": _by("port.number")},
    "EnvoyFilter": {"configPatches": _itself},
    "Gateway": {"servers": _server, "listeners": _by("name")},
    "NetworkPolicy": {"ingress": _itself, "egress": _itself, "policyTypes": _itself},
    "RequestAuthentication": {"jwtRules": _by("issuer"), "targetRefs": _by("name")},
    "ServiceEntry": {
        "addresses": _itself,
        "endpoints": _by("address"),
        "hosts": _itself,
        "ports": _by("number"),
        "subjectAltNames": _itself,
    },
    "Sidecar": {"egress": _egress, "ingress": _by("port.number")},
    "VirtualService": {
        "gateways": _itself,
        "hosts": _itself,
        "http": _route,
        "tcp": _route,
        "tls": _route,
    },
}
