"""How the routes of a delegate VirtualService become those of the one that delegates to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshgate.mesh import export_to
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.short_names import resolved
from meshgate.model import JSON, JSONObject, Resource

_TEXTS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams", "sourceLabels")
_REST = ("port", "sourceNamespace", "gateways")
# What a delegate's route takes from the root's where it does not say it (mergeHTTPRoute).
_INHERITED = ("directResponse", "fault", "headers", "mirror", "mirrors", "rewrite")


def http_routes(resource: Resource, among: Sequence[Resource], domain: str) -> Iterator[JSONObject]:
    """The HTTP routes of a VirtualService, with those of its delegates (mergeVirtualServices).

    A delegate that is missing, or not exported to the root's namespace, leaves no route. Short
    names of a delegate are those of its own namespace; `domain` is that of the cluster.
    """
    for route, _ in with_delegates(resource, among, domain):
        yield route


def with_delegates(
    resource: Resource, among: Sequence[Resource], domain: str
) -> Iterator[tuple[JSONObject, Resource]]:
    """The same routes, and for each the VirtualService that says its fault, if it has one."""
    namespace = namespace_of(resource)
    for route in _objects(resource.spec.get("http")):
        delegate = route.get("delegate")
        if not isinstance(delegate, dict):
            yield route, resource
            continue
        root = resolved(route, namespace, domain)
        for other in named(delegate, namespace, among):
            if serves(other, namespace):
                for merged, is_own in _merged(root, other, domain):
                    yield merged, other if is_own else resource


def named(delegate: JSONObject, namespace: str, among: Iterable[Resource]) -> Iterator[Resource]:
    """The VirtualServices that a route of this namespace means by its `delegate`."""
    place = str(delegate.get("namespace") or namespace)
    for other in among:
        if other.name == delegate.get("name") and namespace_of(other) == place:
            yield other


def has_hosts(delegate: Resource) -> bool:
    """Whether a VirtualService has hosts of its own, and so serves nobody as a delegate."""
    return bool(delegate.spec.get("hosts"))


def serves(delegate: Resource, namespace: str) -> bool:
    """Whether roots of a namespace get a delegate's routes: it has no hosts, and is exported."""
    exported = frozenset(map(str, delegate.spec.get("exportTo") or ()))
    return not has_hosts(delegate) and export_to.includes(
        exported, namespace, namespace_of(delegate)
    )


def _merged(root: JSONObject, delegate: Resource, domain: str) -> Iterator[tuple[JSONObject, bool]]:
    """The routes of a delegate as parts of a root's, and whether their fault is the delegate's."""
    place = namespace_of(delegate)
    for route in (resolved(each, place, domain) for each in _objects(delegate.spec.get("http"))):
        matches = _matches(_objects(root.get("match")), _objects(route.get("match")))
        if matches is not None:
            inherited = {key: route.get(key) or root.get(key) for key in _INHERITED}
            yield {**route, **inherited, "match": matches}, bool(route.get("fault"))


def _matches(root: list[JSONObject], leaf: list[JSONObject]) -> list[JSONObject] | None:
    """The merged matches; None: they conflict, and the route is dropped."""
    if not root or not leaf:
        return root or leaf
    merged = []
    for own in leaf:
        fitting = [outer for outer in root if not _conflict(outer, own)]
        if not fitting:
            return None
        merged += [_match(outer, own) for outer in fitting]
    return merged


def _match(root: JSONObject, leaf: JSONObject) -> JSONObject:
    merged = dict(leaf)
    for key in (*_TEXTS, *_REST):
        merged[key] = leaf.get(key) or root.get(key)
    for key in _MAPS:
        merged[key] = {**(root.get(key) or {}), **(leaf.get(key) or {})}
    return merged


def _conflict(root: JSONObject, leaf: JSONObject) -> bool:
    """Whether a delegate's match is no part of the root's (hasConflict)."""
    texts = [(root.get(key), leaf.get(key)) for key in _TEXTS]
    for key in ("headers", "withoutHeaders", "queryParams"):
        outer = root.get(key) or {}
        texts += [(outer.get(name), own) for name, own in (leaf.get(key) or {}).items()]
    gateways, own_gateways = set(root.get("gateways") or ()), set(leaf.get("gateways") or ())
    place, labels = root.get("sourceNamespace"), root.get("sourceLabels") or {}
    return (
        any(_texts_conflict(outer, own) for outer, own in texts)
        or bool(root.get("ignoreUriCase")) != bool(leaf.get("ignoreUriCase"))
        or len({root.get("port"), leaf.get("port")} - {0, None}) > 1
        or bool(place and leaf.get("sourceNamespace") != place)
        or any(labels.get(key, own) != own for key, own in (leaf.get("sourceLabels") or {}).items())
        or bool(gateways and own_gateways and not own_gateways <= gateways)
    )


def _texts_conflict(root: JSON, leaf: JSON) -> bool:
    """Whether one StringMatch is no part of another (stringMatchConflict)."""
    if not isinstance(root, dict) or not isinstance(leaf, dict):
        return False
    if root.get("regex") or leaf.get("regex"):
        return bool(root) and bool(leaf)
    exact = root.get("exact")
    if exact:
        return bool(leaf.get("prefix")) or leaf.get("exact") != exact
    prefix = root.get("prefix")
    own = leaf.get("prefix") or leaf.get("exact")
    if prefix and own:
        return not str(own).startswith(str(prefix))
    return True


def _objects(value: JSON) -> list[JSONObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
