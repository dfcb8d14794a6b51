"""One HTTP route of a VirtualService (validateHTTPRoute)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.hosts import is_dns_label
from meshgate.schema.webhook.http_actions import (
    cors,
    direct_response,
    fault_injection,
    redirect,
    retries,
    rewrite,
)
from meshgate.schema.webhook.problem import Path, Problem, durations, port_number
from meshgate.schema.webhook.routes import (
    authority_once,
    destination,
    gateway_names,
    header_operations,
    regex_match,
    string_match,
    weighted,
)
from meshgate.schema.webhook.selectors import tags

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~A-Za-z0-9-]+")
PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
CLAIM = "@request.auth.claims"
# What a redirect or a direct response leaves nothing to do for.
OTHERWISE = {
    "redirect": ("route", "fault", "rewrite", "directResponse"),
    "directResponse": ("route", "fault", "rewrite"),
}


def http_route(route: JSONObject, path: Path, *, delegate: bool) -> Iterator[Problem]:
    """One entry of `http`; `delegate`: another VirtualService delegates to it."""
    yield from _conflicts(route, path, delegate=delegate)
    for index, match in enumerate(route.get("match", ())):
        yield from _match(match, (*path, "match", index))
    yield from header_operations(route.get("headers", {}), (*path, "headers"))
    yield from cors(route.get("corsPolicy", {}), (*path, "corsPolicy"))
    if "fault" in route:
        yield from fault_injection(route["fault"], (*path, "fault"))
    yield from _mirrors(route, path)
    if "redirect" in route:
        yield from redirect(route["redirect"], route.get("match", []), (*path, "redirect"))
    if "directResponse" in route:
        yield from direct_response(route["directResponse"], (*path, "directResponse"))
    yield from retries(route.get("retries", {}), (*path, "retries"))
    if "rewrite" in route:
        yield from rewrite(route["rewrite"], (*path, "rewrite"))
    yield from authority_once(route, path)
    yield from weighted(route.get("route", []), (*path, "route"))
    yield from durations(route, path, "timeout")


def is_claim(name: str) -> bool:
    """Whether a header's name stands for a JWT claim (jwt.ToRoutingClaim)."""
    claim = name[len(CLAIM) :]
    if not name.lower().startswith(CLAIM):
        return False
    dotted = claim.startswith(".") and len(claim) > 1
    return dotted or (claim.startswith("[") and claim.endswith("]") and claim != "[]")


def _conflicts(route: JSONObject, path: Path, *, delegate: bool) -> Iterator[Problem]:
    if "delegate" in route and not delegate:
        for field in ("redirect", "route"):
            if route.get(field, []) != []:
                yield Problem((*path, field), "cannot stand beside `delegate`")
        return
    if "delegate" in route:
        yield Problem((*path, "delegate"), "a delegate cannot delegate further")
    action = next((name for name in OTHERWISE if name in route), None)
    if action is None and not route.get("route"):
        yield Problem(path, "does nothing: set `route`, `redirect` or `directResponse`")
    for other in OTHERWISE.get(action or "", ()):
        if route.get(other) if other == "route" else other in route:
            yield Problem((*path, other), f"cannot stand beside `{action}`")
    if "mirror" in route and route.get("mirrors"):
        yield Problem((*path, "mirrors"), "cannot stand beside `mirror`")


def _match(match: JSONObject, path: Path) -> Iterator[Problem]:
    for field in ("headers", "withoutHeaders"):
        for name, wanted in match.get(field, {}).items():
            here = (*path, field, name)
            if not (is_claim(name) or name in PSEUDO_HEADERS or HEADER_NAME.fullmatch(name)):
                yield Problem(here, f"`{name}` is no header name")
            if field == "headers" or wanted.get("regex") != "*":
                yield from string_match(wanted, here)
    yield from regex_match(match.get("uri", {}), (*path, "uri"))
    for field in ("scheme", "method", "authority"):
        yield from string_match(match.get(field, {}), (*path, field))
    for name, wanted in match.get("queryParams", {}).items():
        yield from string_match(wanted, (*path, "queryParams", name))
    if match.get("port", 0):
        yield from port_number(match["port"], (*path, "port"))
    yield from tags(match.get("sourceLabels", {}), (*path, "sourceLabels"))
    yield from gateway_names(match.get("gateways", []), (*path, "gateways"))
    source = match.get("sourceNamespace")
    if source and not is_dns_label(source):
        yield Problem((*path, "sourceNamespace"), f"`{source}` is no namespace")


def _mirrors(route: JSONObject, path: Path) -> Iterator[Problem]:
    for field in ("mirrorPercent", "mirror_percent"):
        if route.get(field, 0) > 100:  # noqa: PLR2004 - percent
            yield Problem((*path, field), "must be at most 100")
    yield from _share(route, "mirrorPercentage", path)
    yield from destination(route.get("mirror"), (*path, "mirror"))
    for index, mirror in enumerate(route.get("mirrors", ())):
        here = (*path, "mirrors", index)
        yield from destination(mirror["destination"], (*here, "destination"))
        yield from _share(mirror, "percentage", here)


def _share(node: JSONObject, field: str, path: Path) -> Iterator[Problem]:
    value = node.get(field, {}).get("value", 0)
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        yield Problem((*path, field, "value"), f"is {value}, must be in 0..100")
