"""AuthorizationPolicy (validation.ValidateAuthorizationPolicy, pkg/config/security)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from meshgate.model import JSONObject, Resource
from meshgate.schema import golang
from meshgate.schema.webhook.problem import MAX_PORT, Path, Problem
from meshgate.schema.webhook.selectors import attachment
from meshgate.wording.phrases import shown

MAX_ACCOUNTS = 16
MAX_ACCOUNT_LENGTH = 320
LITERAL = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+")
ONE, ANY = "{*}", "{**}"

IDENTITIES = ("principals", "namespaces")
# CUSTOM knows addresses and operations, no identities.
NOT_CUSTOM = ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")
NOT_CUSTOM_KEYS = frozenset(
    {"source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"}
)


def empty_values(values: list[str]) -> Iterator[str]:
    """No value is empty."""
    if "" in values:
        yield "an entry is empty"


def wildcards(values: list[str]) -> Iterator[str]:
    """One wildcard at most, at an end (CheckWildcardValues)."""
    yield from empty_values(values)
    for value in values:
        inside = "*" in value and value != "*" and value[0] != "*" and value[-1] != "*"
        if value.count("*") > 1 or inside:
            yield f"{shown(value)}: one `*` is allowed, at the start or at the end"


def trust_domains(values: list[str]) -> Iterator[str]:
    """No paths (CheckTrustDomainValues)."""
    yield from wildcards(values)
    for value in values:
        if "/" in value:
            yield f"{shown(value)} is no trust domain: it has a slash"


def service_accounts(values: list[str]) -> Iterator[str]:
    """`account` or `namespace/account` (CheckServiceAccount)."""
    if len(values) > MAX_ACCOUNTS:
        yield f"has {len(values)} entries, at most {MAX_ACCOUNTS} are allowed"
    for value in values:
        parts = value.split("/")
        if "*" in value:
            yield f"{shown(value)}: service accounts know no wildcards"
        elif not all(parts) or len(parts) > 2:  # noqa: PLR2004 - namespace and account
            yield f"{shown(value)} must be `account` or `namespace/account`"
        elif len(value.encode("utf-8", "surrogatepass")) > MAX_ACCOUNT_LENGTH:
            yield f"{shown(value)} has more than {MAX_ACCOUNT_LENGTH} characters"


def addresses(values: list[str]) -> Iterator[str]:
    """IP addresses and CIDR blocks (ValidateIPs)."""
    for value in values:
        if not (golang.is_prefix(value) if "/" in value else golang.is_ip(value)):
            yield f"{shown(value)} is neither an IP address nor a CIDR block"


def ports(values: list[str]) -> Iterator[str]:
    """Numbers in quotes; 0 passes (ValidatePorts)."""
    for value in values:
        number = golang.unsigned(value)
        if number is None or number > MAX_PORT:
            yield f"{shown(value)} is no port"


def path_templates(values: list[str]) -> Iterator[str]:
    """`{*}` and `{**}` as whole segments, `{**}` last of them (CheckValidPathTemplate)."""
    yield from empty_values(values)
    for value in values:
        fault = _template_fault(value)
        if fault is not None:
            yield f"{shown(value)}: {fault}"


def _template_fault(path: str) -> str | None:
    is_template = ONE in path or ANY in path
    ended = False
    for segment in path.strip("/").split("/"):
        if segment in {ONE, ANY}:
            if ended:
                return f"nothing of the template may follow `{ANY}`"
            ended = segment == ANY
        elif "{" in segment or "}" in segment:
            return f"braces are for the whole segments `{ONE}` and `{ANY}`"
        elif is_template and not LITERAL.fullmatch(segment):
            return f"`{segment}` is no segment of a path template"
    return None


def attribute_fault(key: str, values: list[str]) -> str | None:
    """What is wrong with a condition's key, or with its values (ValidateAttribute)."""
    if "" in values:
        return "an entry is empty"
    for prefix in ("request.headers", "request.auth.claims", "experimental.envoy.filters."):
        if key.startswith(prefix):
            opening = key.find("[")
            inside = key.endswith("]") and 0 < opening < len(key) - 2
            return None if inside else f"`{key}` must name what it means in brackets: `{prefix}[x]`"
    if key in ATTRIBUTES:
        return next(ATTRIBUTES[key](values), None)
    if key.startswith("destination.labels") or key == "destination.namespace":
        return f"`{key}` is not supported: the selector and the namespace of the policy say it"
    return f"`{key}` is no attribute that Istio knows"


def _anything(_: list[str]) -> Iterator[str]:
    yield from ()


ATTRIBUTES: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "connection.sni": _anything,
    "destination.ip": addresses,
    "destination.port": ports,
    "remote.ip": addresses,
    "request.auth.audiences": _anything,
    "request.auth.presenter": _anything,
    "request.auth.principal": _anything,
    "source.ip": addresses,
    "source.namespace": _anything,
    "source.principal": _anything,
    "source.serviceAccount": service_accounts,
    "source.trustDomain": wildcards,
}

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
