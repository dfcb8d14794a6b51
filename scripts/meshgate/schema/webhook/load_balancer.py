"""loadBalancer and outlierDetection of a DestinationRule, and where load goes first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.problem import Path, Problem, duration_format, durations, percentage

TOPOLOGY_LABELS = frozenset(
    {
        "topology.istio.io/subzone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
LEVELS = 3  # region/zone/subzone
WHOLE = 100

MAGLEV_LIMIT = 5000011


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


def load_balancer(settings: JSONObject, path: Path) -> Iterator[Problem]:
    """One `loadBalancer` block (validateLoadBalancer)."""
    yield from _consistent_hash(settings.get("consistentHash", {}), (*path, "consistentHash"))
    if "localityLbSetting" in settings and "zoneAwareLbSetting" in settings:
        yield Problem((*path, "zoneAwareLbSetting"), "cannot stand beside `localityLbSetting`")
    yield from locality(settings.get("localityLbSetting", {}), (*path, "localityLbSetting"))
    yield from zone_aware(settings.get("zoneAwareLbSetting", {}), (*path, "zoneAwareLbSetting"))
    yield from duration_format(settings, "warmupDurationSecs", path)
    if "warmup" in settings:
        yield from _warmup(settings["warmup"], (*path, "warmup"))


def _consistent_hash(hashing: JSONObject, path: Path) -> Iterator[Problem]:
    if "httpCookie" in hashing:
        yield from _cookie(hashing["httpCookie"], (*path, "httpCookie"))
    algorithm = next((name for name in ("ringHash", "maglev") if name in hashing), None)
    if hashing.get("minimumRingSize") and algorithm:
        yield Problem((*path, "minimumRingSize"), f"cannot stand beside `{algorithm}`")
    if "maglev" in hashing:
        size = hashing["maglev"].get("tableSize", 0)
        here = (*path, "maglev", "tableSize") if size else (*path, "maglev")
        if not is_prime(size):
            yield Problem(here, f"`tableSize` is {size}, must be a prime number")
        elif size >= MAGLEV_LIMIT:
            yield Problem(here, f"`tableSize` is {size}, must be less than {MAGLEV_LIMIT}")


def _cookie(cookie: JSONObject, path: Path) -> Iterator[Problem]:
    if not cookie.get("name"):
        yield Problem(path, "the cookie has no name")
    yield from duration_format(cookie, "ttl", path)
    seen = set()
    for index, attribute in enumerate(cookie.get("attributes", ())):
        name = attribute.get("name", "")
        if not name:
            yield Problem((*path, "attributes", index), "the attribute has no name")
        elif name in seen:
            yield Problem((*path, "attributes", index), f"`{name}` is there twice")
        seen.add(name)


def is_prime(number: int) -> bool:
    """Whether a number is prime, as Envoy computes it: 1 passes."""
    if 0 < number < 4:  # noqa: PLR2004 - 1, 2 and 3
        return True
    if number % 2 == 0:
        return False
    # A larger number is refused for its size.
    limit = math.isqrt(min(number, MAGLEV_LIMIT))
    return all(number % factor for factor in range(3, limit + 1, 2))


def _warmup(warmup: JSONObject, path: Path) -> Iterator[Problem]:
    yield from durations(warmup, path, "duration")
    if warmup.get("minimumPercent", 0) > 100:  # noqa: PLR2004 - percent
        yield Problem((*path, "minimumPercent"), "must be at most 100")
    if warmup.get("aggression", 1) <= 0:
        yield Problem((*path, "aggression"), "must be greater than 0")


def outlier_detection(outlier: JSONObject, path: Path) -> Iterator[Problem]:
    """One `outlierDetection` block (validateOutlierDetection)."""
    yield from durations(outlier, path, "baseEjectionTime")
    yield from durations(outlier, path, "interval")
    local = outlier.get("consecutiveLocalOriginFailures", 0)
    if local > 0 and not outlier.get("splitExternalLocalOriginErrors"):
        yield Problem(
            (*path, "consecutiveLocalOriginFailures"),
            "has no effect unless `splitExternalLocalOriginErrors` is true",
        )
    yield from percentage(outlier, path, "maxEjectionPercent", "minHealthPercent")
