"""Edits that the texts of findings and explanations state, as changes of objects.

Every text of a repair is in one of two tables: PATTERNS, with what it changes, or NO_EDIT.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from meshgate.model import Finding, JSONObject, ResourceRef

RULE_API = "networking.istio.io/v1"
RULE = "DestinationRule"
POLICY = "PeerAuthentication"

Objects = list[tuple[JSONObject, bool]]
Change = Callable[[Objects], Objects]


class Key(NamedTuple):
    """An object of a state."""

    kind: str
    namespace: str
    name: str


class Edit(NamedTuple):
    """What a repair writes, and where: the path is empty for an object as a whole."""

    change: Change
    place: Key
    path: str = ""

    def __call__(self, objects: Objects) -> Objects:
        return self.change(objects)

    def wrote(self, ref: ResourceRef | None, path: str) -> bool:
        """Whether a finding is about what this edit wrote."""
        if ref is None or Key(ref.kind, ref.namespace or "default", ref.name) != self.place:
            return False
        return path.startswith(self.path) or self.path.startswith(path)


def key_of(value: JSONObject) -> Key:
    metadata: JSONObject = value.get("metadata") or {}
    return Key(str(value.get("kind")), metadata.get("namespace") or "default", metadata["name"])


def on(key: Key, change: Callable[[JSONObject], None], path: str = "") -> Edit:
    """An edit of one object."""

    def edit(objects: Objects) -> Objects:
        for value, _ in objects:
            if key_of(value) == key:
                change(value)
        return objects

    return Edit(edit, key, path)


def without(key: Key) -> Edit:
    return Edit(lambda objects: [each for each in objects if key_of(each[0]) != key], key, "?")


def applied(value: JSONObject) -> Edit:
    """`kubectl apply`: an object of the same name is replaced."""
    return Edit(
        lambda objects: [
            *(each for each in objects if key_of(each[0]) != key_of(value)),
            (value, False),
        ],
        key_of(value),
    )


def steps(path: str) -> list[str | int]:
    """`spec.a["8080"].b[0]` as keys and numbers."""
    return [
        quoted or (int(number) if number else plain)
        for plain, number, quoted in re.findall(r'([^.\[\]"]+)|\[(\d+)\]|\["([^"]+)"\]', path)
        for number in [number]
    ]


def put(path: str, item: Any) -> Callable[[JSONObject], None]:
    """Set a value; mappings on the way are made."""

    def change(value: JSONObject) -> None:
        *way, last = steps(path)
        place: Any = value
        for step in way:
            is_list = isinstance(place, list)
            place = place[int(step)] if is_list else place.setdefault(step, {})
        place[last] = item

    return change


def drop(path: str) -> Callable[[JSONObject], None]:
    """Remove a value, if it is there."""

    def change(value: JSONObject) -> None:
        *way, last = steps(path)
        place: Any = value
        for step in way:
            is_list = isinstance(place, list)
            place = place[int(step)] if is_list else (place or {}).get(step)
        if isinstance(place, dict):
            place.pop(last, None)

    return change


def rule_for(namespace: str, host: str, traffic: JSONObject) -> JSONObject:
    name = host.replace("*", "any")
    metadata = {"name": name, "namespace": namespace}
    spec = {"host": host, "trafficPolicy": traffic}
    return {"apiVersion": RULE_API, "kind": "DestinationRule", "metadata": metadata, "spec": spec}


class Stated(NamedTuple):
    """One way out that a text states."""

    text: str
    edit: Edit


class Repairs:
    """What the text of one finding states."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        assert finding.resource is not None
        resource = finding.resource
        self.key = Key(resource.kind, resource.namespace or "default", resource.name)

    def all(self) -> list[Stated] | None:
        """The ways out; empty: none is an edit of policies; None: the text is not known."""
        text = self.finding.fix
        found = [
            Stated(text, edit)
            for pattern, edits in PATTERNS
            for match in re.finditer(pattern, text)
            for edit in edits(self, match)
        ]
        if found or any(re.search(each, text) for each in NO_EDIT):
            return found
        return None

    def put(self, path: str, item: Any) -> Edit:
        return on(self.key, put(path, item), path)

    def drop(self, path: str) -> Edit:
        return on(self.key, drop(path), path)

    @property
    def tls(self) -> str:
        """The path of the tls block that the finding points at."""
        path = self.finding.path
        return path.removesuffix(".mode") if path.endswith(("tls", "tls.mode")) else f"{path}.tls"


Match = re.Match[str]
Edits = Callable[[Repairs, Match], Iterable[Edit]]


def own_mode(repairs: Repairs, match: Match) -> Iterable[Edit]:
    """`set spec.mtls.mode to STRICT` in the policy that is pointed at."""
    path = match[1] if match[1].startswith("spec") else f"spec.{match[1]}"
    yield repairs.put(path, match[2])


def mode_of(_: Repairs, match: Match) -> Iterable[Edit]:
    """`set spec.mtls.mode of PeerAuthentication/a/b to STRICT`."""
    yield on(Key(match[2], match[3], match[4]), put(match[1], match[5]), match[1])


def mutual(repairs: Repairs, _: Match) -> Iterable[Edit]:
    yield repairs.put(f"{repairs.tls}.mode", "ISTIO_MUTUAL")


def no_block(repairs: Repairs, _: Match) -> Iterable[Edit]:
    yield repairs.drop(repairs.tls)


def new_rule(_: Repairs, match: Match) -> Iterable[Edit]:
    yield applied(rule_for(match[1], match[2], {"tls": {"mode": match[3]}}))


def new_rule_for_a_port(_: Repairs, match: Match) -> Iterable[Edit]:
    yield applied(rule_for(match[1], match[2], port_entry(match[3], match[4])))


def new_rule_for_both(_: Repairs, match: Match) -> Iterable[Edit]:
    traffic = {"tls": {"mode": match[3]}, **port_entry(match[5], match[4])}
    yield applied(rule_for(match[1], match[2], traffic))


def new_entry(_: Repairs, match: Match) -> Iterable[Edit]:
    def change(value: JSONObject) -> None:
        traffic = value["spec"].setdefault("trafficPolicy", {})
        entries = traffic.setdefault("portLevelSettings", [])
        number = int(match[3])
        # Beside what the entry of this port says already.
        for entry in entries:
            if entry["port"]["number"] == number:
                entry["tls"] = {"mode": match[4]}
                return
        entries.append(port_entry(match[3], match[4])["portLevelSettings"][0])

    path = "spec.trafficPolicy.portLevelSettings"
    yield on(Key(RULE, match[1], match[2]), change, path)


def mesh_wide(_: Repairs, match: Match) -> Iterable[Edit]:
    metadata = {"name": "added", "namespace": match[1]}
    spec = {"mtls": {"mode": match[2]}}
    api = "security.istio.io/v1"
    yield applied({"apiVersion": api, "kind": POLICY, "metadata": metadata, "spec": spec})


def other_port(repairs: Repairs, match: Match) -> Iterable[Edit]:
    def change(value: JSONObject) -> None:
        table = value["spec"]["portLevelMtls"]
        table[match[1]] = table.pop(match[2])

    yield on(repairs.key, change, "spec.portLevelMtls")


def port_entry(number: str, mode: str) -> JSONObject:
    return {"portLevelSettings": [{"port": {"number": int(number)}, "tls": {"mode": mode}}]}


MODES = "(STRICT|PERMISSIVE|DISABLE)"
NEW_RULE = r"add to namespace (\S+) a DestinationRule (?:with host|for) (\S+) (?:and|with) "
ENTRY = (
    r"add to DestinationRule/(\S+)/(\S+) a portLevelSettings entry for port (\d+) "
    r"with tls mode (\w+)"
)
PATTERNS: Sequence[tuple[str, Edits]] = (
    (rf"set (spec\.mtls\.mode|(?:spec\.)?portLevelMtls\S+) to {MODES}", own_mode),
    (r"set (\S+) of (PeerAuthentication|DestinationRule)/(\S+)/(\S+) to ([A-Z_]+)", mode_of),
    (r"(?:^|or )set (?:the )?mode to ISTIO_MUTUAL", mutual),
    (r"remove th(?:e|is) tls block", no_block),
    (NEW_RULE + r"tls mode (\w+)(?!\w|, and)", new_rule),
    (NEW_RULE + r"a portLevelSettings entry for port (\d+), tls mode (\w+)", new_rule_for_a_port),
    (
        NEW_RULE + r"tls mode (\w+), and (\w+) in a portLevelSettings entry for port (\d+)",
        new_rule_for_both,
    ),
    (
        ENTRY,
        new_entry,
    ),
    (
        r"move DestinationRule/(\S+)/(\S+) to namespace (\S+), where",
        lambda _, m: [on(Key(RULE, m[1], m[2]), put("metadata.namespace", m[3]), "metadata")],
    ),
    (
        r"move the rule to namespace (\S+), or to ([\w-]+)",
        lambda r, m: [r.put("metadata.namespace", m[1]), r.put("metadata.namespace", m[2])],
    ),
    (r"add a PeerAuthentication without selector to (\S+), with spec.mtls.mode (\w+)", mesh_wide),
    (r"^write (\d+) instead of (\d+)$", other_port),
    (r"^write ([\w.*-]+)(?: \(|$)", lambda r, m: [r.put(r.finding.path, m[1])]),
    (r"remove the policy(?!/)", lambda r, _: [without(r.key)]),
    (r"remove the entry", lambda r, _: [r.drop(r.finding.path.removesuffix(".mode"))]),
    (
        r"repeat the tls block in the entry: mode (\w+)",
        lambda r, m: [r.put(f"{r.finding.path}.tls.mode", m[1])],
    ),
    (
        r"write tls with mode ISTIO_MUTUAL into the rule too",
        lambda r, _: [r.put("spec.trafficPolicy.tls.mode", "ISTIO_MUTUAL")],
    ),
)
# Texts that state no edit of a policy, or leave to a person what to write.
NO_EDIT = (
    r"^add to the inventory",
    r"complete the inventory",
    r"^give (the client|every pod|the servers?) ",
    r"^no DestinationRule helps",
    r"^no (rule for this host|mode of this rule) mends it alone",
    r"^repeat the tls block in the entry$",
    r"^merge ",
    r"^write tls with mode ISTIO_MUTUAL around the entry",
    r"^write a host of the Gateway as sni",
    r"^define \S+ in ",
    r"^write one rule for each host",
    r"^write the namespace and the name of a VirtualService",
    r"^keep (one policy|the entry)",
    r"^add to namespace \S+ a DestinationRule with tls mode DISABLE for each",
    r"^remove \S+, or give it the mode",
    r"^write \S+, or add a ServiceEntry",
    r"^write the host",
    r"^write a port of the service",
    r"^write [\d, and]+ instead of",
    r"^add a ServiceEntry",
    r"^remove the selector",
    r"^set spec\.security",
    r"^correct ",
    r"^turn probe rewriting on",
    r"^label namespace",
    r"^set their modes",
    r"^let ",
    r"^remove \S+ from mesh.outside",
    r"likewise for the others$",
)
