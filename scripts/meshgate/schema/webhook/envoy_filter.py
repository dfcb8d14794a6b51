"""EnvoyFilter (envoyfilter.ValidateEnvoyFilter), without the Envoy objects inside of patches."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema.webhook.problem import Path, Problem
from meshgate.schema.webhook.regexes import MAX_LENGTH, regex_fault
from meshgate.schema.webhook.selectors import wildcards

HTTP_CONNECTION_MANAGERS = frozenset(
    {"envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"}
)
OBJECTS = ("listener", "routeConfiguration", "cluster")
# Which match goes with what a patch applies to.
MATCHES = {
    "LISTENER": "listener",
    "FILTER_CHAIN": "listener",
    "NETWORK_FILTER": "listener",
    "HTTP_FILTER": "listener",
    "ROUTE_CONFIGURATION": "routeConfiguration",
    "VIRTUAL_HOST": "routeConfiguration",
    "HTTP_ROUTE": "routeConfiguration",
    "CLUSTER": "cluster",
}


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in an EnvoyFilter."""
    spec = resource.spec
    selector = spec.get("workloadSelector", {}).get("labels", {})
    yield from wildcards(selector, ("spec", "workloadSelector"), "labels")
    for index, entry in enumerate(spec.get("configPatches", ())):
        if entry.get("match", {}).get("context") != "WAYPOINT":
            yield from _patch(entry, ("spec", "configPatches", index))


def _patch(entry: JSONObject, path: Path) -> Iterator[Problem]:
    """The first thing wrong with a patch; Istio looks no further either."""
    applies_to = entry.get("applyTo", "INVALID")
    patch = entry.get("patch")
    operation = (patch or {}).get("operation", "INVALID")
    if applies_to == "INVALID":
        yield Problem(path, "`applyTo` is missing")
    elif patch is None:
        yield Problem(path, "`patch` is missing")
    elif operation == "INVALID":
        yield Problem((*path, "patch"), "`operation` is missing")
    elif operation != "REMOVE" and "value" not in patch:
        yield Problem((*path, "patch"), f"{operation} needs a `value`")
    else:
        yield from _match(applies_to, entry.get("match", {}), (*path, "match"))


def _match(applies_to: str, match: JSONObject, path: Path) -> Iterator[Problem]:
    version = match.get("proxy", {}).get("proxyVersion", "")
    # Istio ignores a longer one.
    fault = regex_fault(version) if version and len(version) <= MAX_LENGTH else None
    if fault is not None:
        yield Problem((*path, "proxy", "proxyVersion"), fault)
        return
    wanted = MATCHES.get(applies_to)
    present = next((name for name in OBJECTS if name in match), None)
    if wanted is not None and present is not None and present != wanted:
        yield Problem((*path, present), f"applyTo {applies_to} goes with a `{wanted}` match")
    elif wanted == "listener" and present is not None:
        chosen = match["listener"].get("filterChain", {}).get("filter")
        if chosen is not None:
            here = (*path, "listener", "filterChain", "filter")
            yield from _filter(applies_to, chosen, here)


def _filter(applies_to: str, chosen: JSONObject, path: Path) -> Iterator[Problem]:
    inner = chosen.get("subFilter")
    if not chosen.get("name"):
        yield Problem(path, "the filter to match has no `name`")
    elif inner is not None and applies_to != "HTTP_FILTER":
        yield Problem((*path, "subFilter"), "goes with applyTo HTTP_FILTER alone")
    elif inner is not None and chosen["name"] not in HTTP_CONNECTION_MANAGERS:
        yield Problem((*path, "name"), "a subFilter is one of the HTTP connection manager")
    elif inner is not None and not inner.get("name"):
        yield Problem((*path, "subFilter"), "the filter to match has no `name`")
