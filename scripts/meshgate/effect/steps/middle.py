"""Values between an old and a new object: PERMISSIVE where modes differ, subsets of both."""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshgate.effect.steps.values import Key
from meshgate.model import JSON, JSONObject, Resource

SERVER = "PeerAuthentication"
RULE = "DestinationRule"
PERMISSIVE = {"mode": "PERMISSIVE"}


class WayLevel(enum.Enum):
    """How far an object is on its way."""

    OLD = enum.auto()
    # Modes that differ are PERMISSIVE; of objects on one side only: all, the old, the new ones.
    SOFT = enum.auto()
    SOFT_OLD = enum.auto()
    SOFT_NEW = enum.auto()
    # What is new of a DestinationRule, with the subsets of both sides.
    BOTH = enum.auto()
    NEW = enum.auto()


class ChangedObject(Struct, frozen=True):
    """One object that differs, and what it may be on the way, by level."""

    key: Key
    levels: dict[WayLevel, Resource | None]

    @classmethod
    def of(cls, key: Key, old: Resource | None, new: Resource | None) -> ChangedObject:
        """The levels of an object; None: it is not there."""
        levels: dict[WayLevel, Resource | None] = {WayLevel.OLD: old}
        if key[1] == SERVER:
            levels[WayLevel.SOFT] = _softened(new or old, old, new)
            levels[WayLevel.SOFT_OLD] = _softened(old, old, new)
            levels[WayLevel.SOFT_NEW] = _softened(new, old, new)
        elif key[1] == RULE:
            levels[WayLevel.BOTH] = _with_subsets(new, old) if new and old else (new or old)
        levels[WayLevel.NEW] = new
        return cls(key, levels)

    @property
    def is_server(self) -> bool:
        return self.key[1] == SERVER

    @property
    def is_rule(self) -> bool:
        return self.key[1] == RULE


def _softened(base: Resource | None, old: Resource | None, new: Resource | None) -> Resource | None:
    """The policy with PERMISSIVE wherever the two sides say something else."""
    if base is None:
        return None
    spec = copy.deepcopy(base.spec)
    was, will = (mode_of(each.spec.get("mtls")) if each else None for each in (old, new))
    only_ports = was is will is None and bool(_ports(spec))
    if was != will or (None in (old, new) and not only_ports):
        spec["mtls"] = dict(PERMISSIVE)
    if spec.get("selector"):
        had, has = (_ports(each.spec) if each else {} for each in (old, new))
        ports = {str(port): mode for port, mode in _ports(spec).items()}
        for port in sorted({*had, *has}):
            if old is None or new is None or had.get(port) != has.get(port):
                ports[port] = dict(PERMISSIVE)
        if ports:
            spec["portLevelMtls"] = ports
    return with_spec(base, spec)


def mode_of(mtls: JSON) -> str | None:
    """The mode a block names; None where it leaves that to wider policies."""
    mode = mtls.get("mode") if isinstance(mtls, dict) else None
    return None if mode in {None, "UNSET"} else str(mode)


def _ports(spec: JSONObject) -> JSONObject:
    ports = spec.get("portLevelMtls")
    return {str(port): value for port, value in ports.items()} if isinstance(ports, dict) else {}


def _with_subsets(rule: Resource, other: Resource) -> Resource:
    """A rule that also has the subsets which only the other one names."""
    own = _subsets(rule)
    names = {each.get("name") for each in own}
    missing = [each for each in _subsets(other) if each.get("name") not in names]
    if not missing:
        return rule
    return with_spec(rule, {**rule.spec, "subsets": [*own, *missing]})


def _subsets(rule: Resource) -> list[JSONObject]:
    subsets = rule.spec.get("subsets")
    return [each for each in subsets if isinstance(each, dict)] if isinstance(subsets, list) else []


def with_spec(resource: Resource, spec: JSONObject) -> Resource:
    """The object with another spec."""
    return Resource.of({**resource.value, "spec": spec}, resource.origin)


def subsets_of(resources: Iterable[Resource]) -> Iterator[tuple[str | None, str, str]]:
    """Namespace, host as written, and name of each subset."""
    for each in resources:
        if each.kind == RULE:
            for subset in _subsets(each):
                yield each.namespace, str(each.spec.get("host")), str(subset.get("name"))


def named_subsets(resources: Iterable[Resource]) -> Iterator[tuple[str | None, str, str]]:
    """Namespace, host as written, and name of each subset that a VirtualService sends to."""
    for each in resources:
        if each.kind == "VirtualService":
            for destination in _destinations(each.spec):
                yield each.namespace, str(destination.get("host")), str(destination.get("subset"))


def _destinations(value: JSON) -> Iterator[JSONObject]:
    if isinstance(value, dict):
        if "host" in value and "subset" in value:
            yield value
        for inner in value.values():
            yield from _destinations(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _destinations(inner)
