"""Labels and selectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from meshgate.model import JSON

V = TypeVar("V")

Labels = dict[str, str]


def labels(value: JSON) -> Labels:
    """A manifest's label map, values as text."""
    if not isinstance(value, dict):
        return {}
    return {str(key): item if isinstance(item, str) else str(item) for key, item in value.items()}


def matches(selector: Mapping[str, str], own: Mapping[str, str]) -> bool:
    """Whether all pairs of the selector are among the labels; an empty selector matches all."""
    return all(own.get(key) == value for key, value in selector.items())


def matches_expression(selector: JSON, own: Mapping[str, str]) -> bool:
    """Whether a Kubernetes label selector (matchLabels and matchExpressions) selects the labels."""
    if not isinstance(selector, dict):
        return False
    if not matches(labels(selector.get("matchLabels")), own):
        return False
    return all(
        _requirement(item, own)
        for item in selector.get("matchExpressions") or ()
        if isinstance(item, dict)
    )


def _requirement(item: Mapping[str, JSON], own: Mapping[str, str]) -> bool:
    key = str(item.get("key"))
    values = {str(value) for value in item.get("values") or ()}
    match item.get("operator"):
        case "In":
            return own.get(key) in values
        case "NotIn":
            return own.get(key) not in values
        case "Exists":
            return key in own
        case "DoesNotExist":
            return key not in own
        case _:
            return False


class LabelIndex(Generic[V]):
    """Labelled things of one namespace, looked up by selector without visiting all of them."""

    __slots__ = ("_all", "_pairs")

    def __init__(self, items: Iterable[tuple[V, Labels]] = ()) -> None:
        self._all: list[tuple[V, Labels]] = []
        self._pairs: dict[tuple[str, str], list[tuple[V, Labels]]] = {}
        for value, own in items:
            self.add(value, own)

    def add(self, value: V, own: Labels) -> None:
        """File a thing under its labels."""
        entry = (value, own)
        self._all.append(entry)
        for pair in own.items():
            self._pairs.setdefault(pair, []).append(entry)

    def select(self, selector: Mapping[str, str]) -> list[V]:
        """The things that the selector selects, in the order they were added."""
        candidates = self._all
        for pair in selector.items():
            matching = self._pairs.get(pair)
            if matching is None:
                return []
            if len(matching) < len(candidates):
                candidates = matching
        return [value for value, own in candidates if matches(selector, own)]
