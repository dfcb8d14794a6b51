"""Where a route sends to: destinations, weights, string matches, header operations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.hosts import fqdn, host, is_dns_label
from meshgate.schema.webhook.problem import Path, Problem, port_number
from meshgate.schema.webhook.regexes import regex_fault
from meshgate.wording.phrases import shown

FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# The language of Envoy's header parser: text, `%%`, or `%NAME%`, or `%NAME(…)%` with one bare
# string or a list of quoted ones. No two alternatives begin alike, so matching is linear.
STRING = r'(?:\\.|[^\\)"])*'
LAST = r'(?:\) *%|" *\] *\) *%)'
ARGUMENTS = rf'\( *(?:\[ *"|[^\[ ])(?:{STRING}" *, *")*{STRING}{LAST}'
VALUE = re.compile(rf"(?:[^%]|%%|%[^%(]*(?:%|{ARGUMENTS}))*", re.DOTALL)


def header_value_fault(value: str) -> str | None:
    """What Envoy refuses in a header's value, or None."""
    if FORBIDDEN.search(value):
        return f"{shown(value)} has a control character"
    if not VALUE.fullmatch(value):
        return f"{shown(value)}: a `%` that opens no variable must be written `%%`"
    return None


def destination(target: JSONObject | None, path: Path) -> Iterator[Problem]:
    """A `destination` (validateDestination)."""
    if target is None:
        return
    name = target.get("host", "")
    fault = "traffic must go to a host, not to `*`" if name == "*" else host(name)
    if fault is not None:
        yield Problem((*path, "host"), fault)
    if target.get("subset") and not is_dns_label(target["subset"]):
        yield Problem((*path, "subset"), f"`{target['subset']}` is no name of a subset")
    if "port" in target:
        yield from port_number(target["port"].get("number", 0), (*path, "port", "number"))


def weighted(routes: list[JSONObject], path: Path) -> Iterator[Problem]:
    """The destinations of one route, with their weights (validateRouteDestinations)."""
    for index, route in enumerate(routes):
        here = (*path, index)
        yield from destination(route["destination"], (*here, "destination"))
        if route.get("weight", 0) < 0:
            yield Problem((*here, "weight"), "must not be negative")
        yield from header_operations(route.get("headers", {}), (*here, "headers"))
    if len(routes) > 1 and sum(route.get("weight", 0) for route in routes) == 0:
        yield Problem(path, "the weights add up to 0")


def header_operations(headers: JSONObject, path: Path) -> Iterator[Problem]:
    """What is added, set and removed, in requests and responses."""
    for direction in ("request", "response"):
        operations = headers.get(direction, {})
        for verb in ("add", "set"):
            for name, value in operations.get(verb, {}).items():
                here = (*path, direction, verb, name)
                if direction == "request" and is_authority(name):
                    pass  # one of them may be set; `authority_once` counts them
                else:
                    yield from _operation_name(name, here, request=direction == "request")
                fault = header_value_fault(value)
                if fault is not None:
                    yield Problem(here, fault)
        for index, name in enumerate(operations.get("remove", ())):
            yield from _operation_name(name, (*path, direction, "remove", index), request=False)


def is_authority(name: str) -> bool:
    return name.lower() in {":authority", "host"}


def _operation_name(name: str, path: Path, *, request: bool) -> Iterator[Problem]:
    if not name:
        yield Problem(path, "the header has no name")
    elif name.startswith(":") or (name.lower() == "host" and not request):
        yield Problem(path, f"`{name}` cannot be changed as a header")


def authority_once(route: JSONObject, path: Path) -> Iterator[Problem]:
    """Rewrite and headers set the authority at most once (validateAuthorityRewrite)."""
    first = route.get("rewrite", {}).get("authority", "")
    setters: list[tuple[int, str, Path]] = [(0, first, path)] if first else []
    request = route.get("headers", {}).get("request", {})
    for order, verb in enumerate(("set", "add"), start=1):
        for name, value in request.get(verb, {}).items():
            if is_authority(name):
                setters.append((order, value, (*path, "headers", "request", verb, name)))
    for index, (order, _, here) in enumerate(setters):
        # Within one map Istio knows no order: any of them may be the first.
        others = setters[:index] + setters[index + 1 :]
        if any(value and before <= order for before, value, _ in others):
            yield Problem(here, "the authority is set more than once")
            return


def string_match(match: JSONObject, path: Path) -> Iterator[Problem]:
    """exact, prefix or regex; the last two not empty (validateStringMatch)."""
    if match.get("prefix") == "":
        yield Problem((*path, "prefix"), "an empty prefix matches nothing of use")
    yield from regex_match(match, path)


def regex_match(match: JSONObject, path: Path) -> Iterator[Problem]:
    """`regex`, if it is that kind of match (validateStringMatchRegexp)."""
    if "regex" in match:
        fault = regex_fault(match["regex"]) if match["regex"] else "the expression is empty"
        if fault is not None:
            yield Problem((*path, "regex"), fault)


def gateway_names(names: list[str], path: Path, *, converted: bool = False) -> Iterator[Problem]:
    """`namespace/name`, `name` or the old full name (validateGatewayNames).

    Istio stops at the first name without a slash.
    """
    for index, full in enumerate(names):
        namespace, slash, name = full.partition("/")
        if not slash:
            fault = fqdn(full)
            if fault is not None:
                yield Problem((*path, index), f"`{full}` names no gateway: {fault}")
            return
        if not is_dns_label(namespace) or not (name and (converted or is_dns_label(name))):
            yield Problem((*path, index), f"`{full}` must be namespace/name")
