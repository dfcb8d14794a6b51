"""AuthorizationPolicy and RequestAuthentication as typed values."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from meshgate.mesh import selectors
from meshgate.mesh.authorization.attributes import SplitClaims
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.selectors import Labels
from meshgate.model import JSON, JSONObject, Resource

DRY_RUN = "istio.io/dry-run"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})

# The lists of a source or an operation that are not empty, by field (`paths`, `notPaths`).
Fields: TypeAlias = Mapping[str, tuple[str, ...]]


class Action(enum.StrEnum):
    """What a policy does with the requests that its rules match."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    AUDIT = "AUDIT"
    CUSTOM = "CUSTOM"


class Condition(Struct, frozen=True):
    """One entry of `when`."""

    key: str
    values: tuple[str, ...]
    excluded: tuple[str, ...]  # notValues


class PolicyRule(Struct, frozen=True):
    """One rule: any source, any operation, all conditions; an empty tuple asks for nothing."""

    sources: tuple[Fields, ...] = ()
    operations: tuple[Fields, ...] = ()
    conditions: tuple[Condition, ...] = ()


class TargetRef(Struct, frozen=True):
    """An object that a policy of a gateway or waypoint is attached to."""

    group: str
    kind: str
    name: str


class Attachment(Struct, frozen=True):
    """Which workloads an object is for.

    `selector` None: there is none. `labels_unset`: `selector` stands there without `matchLabels`.
    """

    selector: Labels | None
    targets: tuple[TargetRef, ...] = ()
    labels_unset: bool = False

    def selects(self, own: Labels) -> bool:
        """Whether labels fit; no selector, and an empty one, fit all."""
        return not self.selector or selectors.matches(self.selector, own)


class AuthorizationPolicy(Struct, frozen=True, eq=False):
    """An AuthorizationPolicy, read as Istio reads it. Compared by identity.

    `fault` says what of it cannot be read; its rules are then not known.
    """

    resource: Resource
    namespace: str
    name: str
    action: Action
    rules: tuple[PolicyRule, ...]
    attachment: Attachment
    # CUSTOM: the name of the extension provider.
    provider: str = ""
    dry_run: bool = False
    fault: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class RequestAuthentication(Struct, frozen=True, eq=False):
    """A RequestAuthentication: the issuers whose tokens it verifies. Compared by identity."""

    resource: Resource
    namespace: str
    name: str
    attachment: Attachment
    issuers: frozenset[str]
    # Of each token rule.
    split: tuple[SplitClaims, ...]
    # A token rule without issuer, which takes any.
    any_issuer: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def positive_field(field: str) -> str:
    """The field whose not-form this is (`notPaths`: `paths`), or the field itself."""
    return field[3].lower() + field[4:] if field.startswith("not") else field


def authorization_policy(resource: Resource) -> AuthorizationPolicy:
    """The typed value of an AuthorizationPolicy."""
    spec = resource.spec
    action, fault = Action.ALLOW, ""
    rules: tuple[PolicyRule, ...] = ()
    attachment = Attachment(None)
    provider = spec.get("provider")
    try:
        action = Action(str(spec.get("action", Action.ALLOW)))
        rules = tuple(_rules(spec.get("rules")))
        attachment = _attachment(spec)
    except ValueError as error:
        fault = str(error)
    return AuthorizationPolicy(
        resource,
        namespace_of(resource),
        resource.name,
        action,
        rules,
        attachment,
        provider=str(provider.get("name") or "") if isinstance(provider, dict) else "",
        dry_run=str(resource.annotations.get(DRY_RUN)) in _TRUE,
        fault=fault,
    )


def request_authentication(resource: Resource) -> RequestAuthentication:
    """The typed value of a RequestAuthentication; token rules of a wrong shape are left out."""
    spec = resource.spec
    issuers: set[str] = set()
    split: list[SplitClaims] = []
    any_issuer = False
    rules = spec.get("jwtRules")
    for rule in rules if isinstance(rules, list) else ():
        if not isinstance(rule, dict):
            continue
        issuer = str(rule.get("issuer") or "")
        any_issuer |= not issuer
        issuers |= {issuer} - {""}
        claims = frozenset(map(str, rule.get("spaceDelimitedClaims") or ()))
        split.append(SplitClaims(issuer, claims))
    return RequestAuthentication(
        resource,
        namespace_of(resource),
        resource.name,
        _attachment(spec),
        frozenset(issuers),
        tuple(split),
        any_issuer,
    )


def attachment_of(resource: Resource) -> Attachment:
    """Whom an object is for; one whose selector cannot be read is for its whole namespace."""
    try:
        return _attachment(resource.spec)
    except ValueError:
        return Attachment(None)


def _attachment(spec: JSONObject) -> Attachment:
    selector: JSON = spec.get("selector")
    references: JSON = spec.get("targetRefs") or ()
    if spec.get("targetRef"):
        references = [spec["targetRef"], *references]
    targets = tuple(
        TargetRef(
            str(item.get("group") or ""), str(item.get("kind") or ""), str(item.get("name") or "")
        )
        for item in references
        if isinstance(item, dict)
    )
    if selector is None:
        return Attachment(None, targets)
    if not isinstance(selector, dict):
        raise ValueError("`selector` is no mapping")  # noqa: TRY004 - one error for bad shapes
    own = selector.get("matchLabels")
    return Attachment(selectors.labels(own), targets, labels_unset=own is None)


def _rules(value: JSON) -> Iterator[PolicyRule]:
    for rule in _mappings(value, "rules"):
        yield PolicyRule(
            tuple(_fields(item, "source") for item in _mappings(rule.get("from"), "from")),
            tuple(_fields(item, "operation") for item in _mappings(rule.get("to"), "to")),
            tuple(
                Condition(
                    str(item.get("key") or ""),
                    _strings(item.get("values"), "values"),
                    _strings(item.get("notValues"), "notValues"),
                )
                for item in _mappings(rule.get("when"), "when")
            ),
        )


def _fields(item: JSONObject, name: str) -> Fields:
    node = item.get(name)
    if not isinstance(node, dict):
        raise ValueError(f"`{name}` is missing or no mapping")  # noqa: TRY004 - a wrong value of a document
    lists = ((str(field), _strings(values, str(field))) for field, values in node.items())
    return {field: values for field, values in lists if values}


def _mappings(value: JSON, name: str) -> list[JSONObject]:
    if value is None:
        return []
    # An entry of null is an empty rule to the API server.
    items = [{} if item is None else item for item in value] if isinstance(value, list) else None
    if items is None or not all(isinstance(item, dict) for item in items):
        raise ValueError(f"`{name}` is no list of mappings")
    return items


def _strings(value: JSON, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"`{name}` is no list of texts")
    return tuple(value)
