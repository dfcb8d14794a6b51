"""AuthorizationPolicy (validation.ValidateAuthorizationPolicy)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema.webhook.authorization_values import (
    addresses,
    attribute_fault,
    empty_values,
    path_templates,
    ports,
    service_accounts,
    trust_domains,
)
from meshgate.schema.webhook.problem import Path, Problem
from meshgate.schema.webhook.selectors import attachment

# What each list of a source and of an operation may hold, besides no empty string.
SOURCE: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "principals": empty_values,
    "requestPrincipals": empty_values,
    "namespaces": empty_values,
    "serviceAccounts": service_accounts,
    "trustDomains": trust_domains,
    "ipBlocks": addresses,
    "remoteIpBlocks": addresses,
}
OPERATION: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "ports": ports,
    "methods": empty_values,
    "paths": path_templates,
    "hosts": empty_values,
}
IDENTITIES = ("principals", "namespaces")
# CUSTOM knows addresses and operations, no identities.
NOT_CUSTOM = ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")
NOT_CUSTOM_KEYS = frozenset(
    {"source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"}
)


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in an AuthorizationPolicy."""
    spec = resource.spec
    action = spec.get("action", "ALLOW")
    yield from attachment(spec, ("spec",))
    if action == "DENY" and not spec.get("rules"):
        yield Problem(("spec",), "DENY without `rules` denies nothing; `rules: [{}]` denies all")
    if action == "CUSTOM":
        yield from _custom(spec)
    elif "provider" in spec:
        yield Problem(("spec", "provider"), f"goes with action CUSTOM, not with {action}")
    for index, rule in enumerate(spec.get("rules", ())):
        yield from _rule(rule, ("spec", "rules", index))


def _custom(spec: JSONObject) -> Iterator[Problem]:
    if not spec.get("rules"):
        yield Problem(("spec",), "CUSTOM without `rules` asks nobody; `rules: [{}]` asks always")
    elif not spec.get("provider", {}).get("name"):
        yield Problem(("spec",), "CUSTOM needs `provider.name`")
    for index, rule in enumerate(spec.get("rules", ())):
        path = ("spec", "rules", index)
        for position, origin in enumerate(rule.get("from", ())):
            for field in NOT_CUSTOM:
                for name in (field, _negated(field)):
                    if origin.get("source", {}).get(name):
                        place = (*path, "from", position, "source", name)
                        yield Problem(place, "is not supported with action CUSTOM")
        for position, condition in enumerate(rule.get("when", ())):
            key = condition.get("key", "")
            if key in NOT_CUSTOM_KEYS or key.startswith("request.auth."):
                here = (*path, "when", position, "key")
                yield Problem(here, f"`{key}` is not supported with action CUSTOM")


def _rule(rule: JSONObject, path: Path) -> Iterator[Problem]:
    for index, origin in enumerate(rule.get("from", ())):
        yield from _source(origin.get("source"), (*path, "from", index))
    for index, target in enumerate(rule.get("to", ())):
        here = (*path, "to", index)
        yield from _lists("operation", target.get("operation"), OPERATION, here)
    for index, condition in enumerate(rule.get("when", ())):
        yield from _condition(condition, (*path, "when", index))


def _source(source: JSONObject | None, path: Path) -> Iterator[Problem]:
    yield from _lists("source", source, SOURCE, path)
    accounts = _any_set(source or {}, ("serviceAccounts",))
    if accounts and _any_set(source or {}, IDENTITIES):
        yield Problem((*path, "source", accounts), "cannot stand beside principals or namespaces")


def _lists(
    name: str,
    node: JSONObject | None,
    fields: dict[str, Callable[[list[str]], Iterator[str]]],
    path: Path,
) -> Iterator[Problem]:
    """Every list of a source or operation, and that there is one."""
    if node is None:
        yield Problem(path, f"`{name}` is missing")
        return
    if not _any_set(node, tuple(fields)):
        yield Problem((*path, name), "is empty; leave it out to match everything")
    for field, faults in fields.items():
        for full in (field, _negated(field)):
            for fault in faults(node.get(full, [])):
                yield Problem((*path, name, full), fault)


def _negated(field: str) -> str:
    return "not" + field[0].upper() + field[1:]


def _any_set(node: JSONObject, fields: tuple[str, ...]) -> str | None:
    """The first of these fields, or of their negations, that holds anything."""
    names = [name for field in fields for name in (field, _negated(field))]
    return next((name for name in names if node.get(name)), None)


def _condition(condition: JSONObject, path: Path) -> Iterator[Problem]:
    key = condition.get("key", "")
    if not key:
        yield Problem(path, "`key` is missing")
    elif not condition.get("values") and not condition.get("notValues"):
        yield Problem(path, f"`{key}` has neither `values` nor `notValues`")
    else:
        for field in ("values", "notValues"):
            fault = attribute_fault(key, condition.get(field, []))
            if fault is not None:
                yield Problem((*path, field) if field in condition else path, fault)
                break
