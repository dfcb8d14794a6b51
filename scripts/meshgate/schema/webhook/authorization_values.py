"""What the lists of an AuthorizationPolicy may hold (pkg/config/security)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from meshgate.schema import golang
from meshgate.schema.webhook.problem import MAX_PORT
from meshgate.wording.phrases import shown

MAX_ACCOUNTS = 16
MAX_ACCOUNT_LENGTH = 320
LITERAL = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+")
ONE, ANY = "{*}", "{**}"


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
