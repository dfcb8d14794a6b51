"""Which namespaces a selector selects, without asking each of them for every selector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshgate.mesh.network_policies.label_selectors import LabelPattern, OpenLabels

_IN = "In"


class NamespacesByLabel:
    """Namespaces, found by what their labels are or may be."""

    def __init__(self, labels: Mapping[str, OpenLabels]) -> None:
        self._labels = tuple(labels.items())
        self._places: dict[tuple[str, str], list[int]] = {}
        # Those of which files do not tell all labels: any selector may select them.
        self._open: list[int] = []
        for place, (_, own) in enumerate(self._labels):
            if own.is_open or own.open_keys:
                self._open.append(place)
                continue
            for pair in own.labels.items():
                self._places.setdefault(pair, []).append(place)
        self._selected: dict[LabelPattern, tuple[str, ...]] = {}

    def selected(self, pattern: LabelPattern) -> tuple[str, ...]:
        """The names of those that a selector selects, or may select, in the order given."""
        known = self._selected.get(pattern)
        if known is None:
            asked = (self._labels[place] for place in self._candidates(pattern))
            known = self._selected[pattern] = tuple(
                name for name, own in asked if pattern.selects(own) is not False
            )
        return known

    def _candidates(self, pattern: LabelPattern) -> Sequence[int]:
        """The places of those that may be selected: one pair, or one list of values, is enough."""
        choices = [[pair] for pair in pattern.pairs]
        choices += [
            [(each.key, value) for value in each.values]
            for each in pattern.requirements
            if each.operator == _IN
        ]
        if not choices:
            return range(len(self._labels))
        found = min(
            (
                [place for pair in pairs for place in self._places.get(pair, ())]
                for pairs in choices
            ),
            key=len,
        )
        return sorted({*found, *self._open})
