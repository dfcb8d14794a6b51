"""Classes of clients by what the rules that select them say of them: those marked alike together.

Many policies ask for the same labels, of which a mesh may have few: the classes with such a label
are put together once, and a policy only adds the few that it alone selects.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from meshgate.mesh.client_groups import FEW, ClientClass, ClientPart

# A rule or peer that selects clients, and whether it does for certain: equal for classes of which
# policies treat alike.
Mark = tuple[object, ...]


class Marked:
    """Classes that one rule or peer selects, or may select, each once with its mark."""

    __slots__ = ("classes", "is_wide", "marks", "places")

    def __init__(self, entries: Iterable[tuple[ClientClass, Mark]]) -> None:
        self.classes: list[ClientClass] = []
        self.marks: list[Mark] = []
        # By the `id` of the class.
        self.places: dict[int, int] = {}
        for place, (own, mark) in enumerate(entries):
            self.classes.append(own)
            self.marks.append(mark)
            self.places[id(own)] = place
        # Many, of which most are alike: a peer selects them for certain, or perhaps.
        self.is_wide = len(self.classes) > FEW and len(set(self.marks)) < FEW


class EqualClasses(Struct, frozen=True):
    """The classes with these marks: those of a part but some (by `id`), which have others."""

    marks: tuple[Mark, ...]
    part: ClientPart
    but: Mapping[int, ClientClass]

    @property
    def first(self) -> ClientClass | None:
        """The first of them."""
        return next((each for each in self.part.classes if id(each) not in self.but), None)


class ClassPartition(Struct, frozen=True):
    """Marked classes, and the same classes by all their marks, in the order in which they come."""

    marked: Sequence[Marked]
    alike: Sequence[EqualClasses]


class ClassPartitions:
    """The partitions of the classes of a mesh, each made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], ClassPartition] = {}
        self._wide: dict[tuple[int, ...], list[tuple[tuple[Mark, ...], ClientPart]]] = {}
        self._apart: dict[tuple[int, int], bool] = {}

    def of(self, marked: Iterable[Marked]) -> ClassPartition:
        """Classes by all their marks."""
        # What is marked is stored with the answer, so that nothing else takes its identity.
        distinct = {id(each): each for each in marked}
        key = tuple(distinct)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.partition(tuple(distinct.values()))
        return known

    def partition(self, marked: Sequence[Marked]) -> ClassPartition:
        """The same of what is marked for one question only."""
        wide = [each for each in marked if each.is_wide]
        few = {id(own): own for each in marked if not each.is_wide for own in each.classes}
        if wide:
            few = dict(sorted(few.items(), key=lambda item: _place(item[0], marked)))
        alike = [
            EqualClasses(marks, ClientPart(classes), {})
            for marks, classes in _by_marks(few, marked).items()
        ]
        if wide:
            for marks, part in self._parts(wide):
                but = {key: own for key, own in few.items() if part.has(own)}
                alike.append(EqualClasses(marks, part, but))
            firsts = [(each.first, each) for each in alike]
            placed = [
                (_place(id(first), marked), each) for first, each in firsts if first is not None
            ]
            alike = [each for _, each in sorted(placed, key=operator.itemgetter(0))]
        return ClassPartition(marked, alike)

    def _parts(self, wide: Sequence[Marked]) -> Iterator[tuple[tuple[Mark, ...], ClientPart]]:
        """The classes of which there are many, by their marks: the same for many policies."""
        met: list[Marked] = []
        for each in wide:
            if all(other is each or self._are_apart(each, other) for other in wide):
                # Policies may name two teams each, and then nobody is in both.
                yield from self._taken_apart([each])
            else:
                met.append(each)
        if met:
            yield from self._taken_apart(met)

    def _are_apart(self, one: Marked, other: Marked) -> bool:
        """Whether no class is marked by both."""
        key = min(id(one), id(other)), max(id(one), id(other))
        known = self._apart.get(key)
        if known is None:
            known = self._apart[key] = one.places.keys().isdisjoint(other.places)
        return known

    def _taken_apart(self, wide: Sequence[Marked]) -> Sequence[tuple[tuple[Mark, ...], ClientPart]]:
        key = tuple(map(id, wide))
        if key not in self._wide:
            every = {id(own): own for each in wide for own in each.classes}
            self._wide[key] = [
                (marks, ClientPart(classes)) for marks, classes in _by_marks(every, wide).items()
            ]
        return self._wide[key]


def _by_marks(
    classes: Mapping[int, ClientClass], marked: Sequence[Marked]
) -> dict[tuple[Mark, ...], list[ClientClass]]:
    """Classes by all their marks, each mark once."""
    by_marks: dict[tuple[Mark, ...], list[ClientClass]] = {}
    for key, own in classes.items():
        marks = dict.fromkeys(each.marks[each.places[key]] for each in marked if key in each.places)
        by_marks.setdefault(tuple(marks), []).append(own)
    return by_marks


def _place(key: int, marked: Sequence[Marked]) -> tuple[int, int]:
    """Where a class comes first."""
    return next(
        (number, each.places[key]) for number, each in enumerate(marked) if key in each.places
    )
