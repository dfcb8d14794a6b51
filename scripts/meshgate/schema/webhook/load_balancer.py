"""loadBalancer and outlierDetection of a DestinationRule."""

from __future__ import annotations

import math
from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.locality import locality, zone_aware
from meshgate.schema.webhook.problem import Path, Problem, duration_format, durations, percentage

MAGLEV_LIMIT = 5000011


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
