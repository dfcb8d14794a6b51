"""Nulls that the API server takes off before it validates an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from meshgate.model import JSON, Resource, SchemaViolation, split_path, value_at
from meshgate.yamldoc.positions import exists


def without_refused_nulls(
    resources: Sequence[Resource],
    violations: Sequence[SchemaViolation],
    check: Callable[[Sequence[Resource]], Sequence[SchemaViolation]],
) -> tuple[list[Resource], list[SchemaViolation]]:
    """The objects as they are stored, and what is still refused of them.

    A null under a key whose field is not nullable is pruned, whether the field has a default or not
    (PruneNonNullableNullsWithoutDefaults and Default of apiextensions-apiserver); in a list it
    stays. Only objects of which a null was refused are looked at. A key that no schema knows is
    unknown with a null as well.
    """
    refused = {id(v.resource) for v in violations if v.is_null}
    if not refused:
        return list(resources), list(violations)
    pruned = {
        id(each): Resource.of(_pruned(each.value), each.origin, foreign=each.foreign)
        for each in resources
        if id(each) in refused
    }
    remaining = [
        violation
        if id(violation.resource) not in pruned
        else structs.replace(violation, resource=pruned[id(violation.resource)])
        for violation in violations
        if id(violation.resource) not in pruned or _is_unknown_null(violation)
    ]
    again = check(list(pruned.values()))
    return [pruned.get(id(each), each) for each in resources], [*remaining, *again]


def _is_unknown_null(violation: SchemaViolation) -> bool:
    """Whether a key without value is refused for itself, and not for its null."""
    value = violation.resource.value
    return (
        not violation.is_null
        and exists(value, split_path(violation.path))
        and value_at(value, violation.path) is None
    )


def _pruned(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value
