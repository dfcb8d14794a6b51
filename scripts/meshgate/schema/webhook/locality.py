"""Where load goes first: localityLbSetting and zoneAwareLbSetting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.problem import Path, Problem

TOPOLOGY_LABELS = frozenset(
    {
        "topology.istio.io/subzone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
LEVELS = 3  # region/zone/subzone
WHOLE = 100


def locality(setting: JSONObject, path: Path) -> Iterator[Problem]:
    """The localityLbSetting (agent.ValidateLocalityLbSetting)."""
    if setting.get("distribute") and setting.get("failover"):
        yield Problem((*path, "failover"), "cannot stand beside `distribute`")
        return
    if setting.get("failover") and TOPOLOGY_LABELS & set(setting.get("failoverPriority", ())):
        yield Problem((*path, "failoverPriority"), "cannot name a topology label beside `failover`")
        return
    for index, entry in enumerate(setting.get("distribute", ())):
        here = (*path, "distribute", index)
        weights = entry.get("to", {})
        if any(not 1 <= weight <= WHOLE for weight in weights.values()):
            yield Problem((*here, "to"), f"every weight must be in 1..{WHOLE}")
        elif sum(weights.values()) != WHOLE:
            yield Problem((*here, "to"), f"the weights add up to {sum(weights.values())}, not 100")
        # Istio reads the map in any order; with the wider names first every overlap is seen.
        yield from _localities(sorted(weights), (*here, "to"))
    sources = [entry.get("from", "") for entry in setting.get("distribute", ())]
    yield from _localities(sources, (*path, "distribute"))
    yield from _failover(setting, path)


def zone_aware(setting: JSONObject, path: Path) -> Iterator[Problem]:
    """The zoneAwareLbSetting (agent.ValidateZoneAwareLbSetting)."""
    for index, name in enumerate(setting.get("failoverPriority", ())):
        if name in TOPOLOGY_LABELS:
            yield Problem(
                (*path, "failoverPriority", index), "regions and zones are ordered by themselves"
            )
    yield from _failover(setting, path)


def _failover(setting: JSONObject, path: Path) -> Iterator[Problem]:
    for index, entry in enumerate(setting.get("failover", ())):
        here = (*path, "failover", index)
        source, target = entry.get("from", ""), entry.get("to", "")
        if source == target:
            yield Problem(here, "`from` and `to` must differ")
        if "/" in source + target:
            yield Problem(here, "names regions only, without zone")
        if "*" in source + target:
            yield Problem(here, "a region knows no wildcard")


def _localities(names: Iterable[str], path: Path) -> Iterator[Problem]:
    """Each `region/zone/subzone` well formed, none inside another (validateLocalities).

    Istio looks for overlaps in one direction only: a wider name after a narrower one.
    """
    seen: dict[str, dict[str, set[str]]] = {}
    for name in names:
        if "*" in name and (name.count("*") > 1 or not name.endswith("*")):
            yield Problem(path, f"`{name}`: one `*` is allowed, at the end")
            return
        parts = name.split("/", LEVELS - 1)
        if not all(parts):
            yield Problem(path, f"`{name}` has an empty part")
            return
        if "*" in seen or _is_covered(parts, seen):
            yield Problem(path, f"`{name}` overlaps with another entry")
            return


def _is_covered(parts: list[str], seen: dict[str, dict[str, set[str]]]) -> bool:
    """Whether an earlier name covers this one; it is noted otherwise."""
    region, *below = parts
    zones = seen.get(region)
    if not below:
        seen[region] = {"*": {"*"}}
        return zones is not None
    zones = seen.setdefault(region, {})
    zone, *rest = below
    if "*" in zones:
        return True
    if not rest:
        covered = zone in zones
        zones.setdefault(zone, {"*"})
        return covered
    if zone not in zones:
        # Istio notes the first subzone of a zone without a `*`.
        zones[zone] = {rest[0]}
        return False
    covered = "*" in zones[zone] or rest[0] in zones[zone]
    zones[zone].add(rest[0])
    return covered
