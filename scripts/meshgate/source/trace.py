"""Which link of an object's chain wrote a value, and where in that link's own text it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshgate.model import JSON
from meshgate.source import patches
from meshgate.source.provenance import AppliedStep, TracedObject
from meshgate.yamldoc.positions import exists

Part = str | int
# `spec` and `metadata` belong to the base, whichever patch changes something in them.
SHALLOW = 1

# A merge patch names its object by these; it does not set them.
IDENTITY = frozenset({("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")})


class ValueOrigin(NamedTuple):
    """The link that wrote a value (None: the base), and the path in that link's own text."""

    applied: AppliedStep | None
    path: tuple[Part, ...]


def value_origin(traced: TracedObject, path: Sequence[Part]) -> ValueOrigin:
    """Who wrote what stands at a path of an object.

    A path that leads nowhere is looked up where it was removed, else at its nearest parent.
    """
    parts = list(path)
    if exists(traced.value, parts):
        return _wrote(traced, parts, inside=len(parts) > SHALLOW)
    while parts:
        for applied in reversed(traced.steps):
            step = applied.step
            if exists(step.before, parts) and not exists(step.after, parts):
                return ValueOrigin(applied, tuple(_place(applied, parts) or ()))
        parts.pop()
        if exists(traced.value, parts):
            break
    return _wrote(traced, parts, inside=False)


def _wrote(traced: TracedObject, path: list[Part], *, inside: bool) -> ValueOrigin:
    """`inside`: whether a mapping counts as written by who changes something in it."""
    for applied in reversed(traced.steps):
        place = _place(applied, path)
        earlier = _earlier(applied.step.before, applied.step.after, path, inside=inside)
        if applied.step.patch is not None:
            if place is not None and _sets(applied, place, earlier):
                return ValueOrigin(applied, tuple(place))
        elif earlier is None:
            return ValueOrigin(applied, tuple(place or ()))
        path = path if earlier is None else earlier
    return ValueOrigin(None, tuple(path))


def _sets(applied: AppliedStep, place: Sequence[Part], earlier: list[Part] | None) -> bool:
    """Whether a merge patch decides what it has at a place, even if it says the same as before."""
    value = applied.step.patch
    for part in place:
        value = value[part]
    return not isinstance(value, dict) or earlier is None


def _place(applied: AppliedStep, path: Sequence[Part]) -> Sequence[Part] | None:
    """Where a patch's own text says what stands at a path of its result; None where it does not."""
    if applied.step.patch is not None:
        if tuple(path) in IDENTITY:
            return None
        return patches.in_patch(applied.step.patch, applied.step.after, path)
    return _operation(applied.step.operations, path)


def _operation(operations: Sequence[JSON], path: Sequence[Part]) -> list[Part] | None:
    """The last JSON operation at, above or below a path."""
    for index in range(len(operations) - 1, -1, -1):
        operation = operations[index]
        target = patches.pointer(str(operation.get("path", "")))
        common = min(len(target), len(path))
        if all(_same(one, other) for one, other in zip(target, path, strict=False)):
            if "value" in operation and len(target) <= len(path):
                return [index, "value", *path[common:]]
            return [index]
    return None


def _same(text: str, part: Part) -> bool:
    return text == str(part) or (text == "-" and isinstance(part, int))


def _earlier(before: JSON, after: JSON, path: Sequence[Part], *, inside: bool) -> list[Part] | None:
    """Where the value at a path of `after` stood in `before`; None where it was not the same."""
    parts: list[Part] = []
    for part in path:
        if isinstance(before, dict) and isinstance(after, dict) and part in before:
            before, after = before[part], after[part]
            parts.append(part)
        elif isinstance(before, list) and isinstance(after, list) and isinstance(part, int):
            after = after[part]
            index = _index(before, after, part)
            if index is None:
                return None
            before = before[index]
            parts.append(index)
        else:
            return None
    if patches.same(before, after) or (
        isinstance(before, dict) and isinstance(after, dict) and not inside
    ):
        return parts
    return None


def _index(items: list[JSON], item: JSON, index: int) -> int | None:
    """Where an item of a changed list was before: unchanged, or under the same name."""
    if index < len(items) and patches.same(items[index], item):
        return index
    for at, other in enumerate(items):
        if patches.same(other, item):
            return at
    if isinstance(item, dict) and "name" in item:
        return patches.same_key(items, item, "name")
    return index if index < len(items) else None
