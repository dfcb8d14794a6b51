"""Which clusters of Argo CD are of which environment: no cluster is of two."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import UsageError
from meshgate.model import Environment

# Its files, where clusters are synced by it.
ARGOCD_FOLDER = "sync/argocd"
ANY = "*"
# What Argo CD reads as a pattern (gobwas/glob), or at the start as "all but", beside `*`.
READ_ANEW = frozenset("?[]{}!\\")


def cluster_names(environment: Environment) -> tuple[str, ...]:
    """How Argo CD calls the clusters of an environment; `*` stands for any text."""
    clusters, name = environment.clusters, environment.name
    return (clusters.names if clusters else None) or (name, f"{name}-*")


def refuse_overlaps(environments: Sequence[Environment]) -> None:
    """Raise UsageError where a cluster could be of two environments.

    The project of one would let its Applications write to the clusters of the other. A name that
    Argo CD reads as another pattern is refused: nobody here knows what it fits.
    """
    for environment in environments:
        for name in cluster_names(environment):
            if READ_ANEW & set(name):
                raise UsageError(
                    f"environments.yaml: {environment.name} has a cluster named {name!r}",
                    why="Argo CD reads more into it than `*`, such as every cluster but that one.",
                    hint="name each cluster, or use `*` alone: `clusters: {names: [...]}`",
                )
    found = min(
        (
            *_overlaps(environments, of_applications=False),
            *_overlaps(environments, of_applications=True),
        ),
        default=None,
    )
    if found is None:
        return
    one, other = environments[found.one], environments[found.other]
    first = cluster_names(one)[found.first]
    second = cluster_names(other)[found.second]
    if not found.of_applications:
        raise UsageError(
            f"environments.yaml: a cluster could be of {one.name} ({first}) and of "
            f"{other.name} ({second})",
            why="Argo CD would let the policies of one environment into clusters of the other.",
            hint=f"say which are meant: `clusters: {{names: [...]}}` of {one.name} and of "
            f"{other.name}, without overlap",
        )
    raise UsageError(
        f"environments.yaml: the Application of a cluster of {one.name} ({first}) "
        f"could be called like that of one of {other.name} ({second})",
        why="Argo CD would keep one of them, and the other cluster would not be synced.",
        hint=f"call clusters otherwise in Argo CD: `clusters: {{names: [...]}}` of "
        f"{one.name} and of {other.name}",
    )


class _Overlap(NamedTuple):
    """Two names that can be the same, in the order in which they are told."""

    one: int
    other: int
    first: int
    second: int
    of_applications: bool


def _overlaps(environments: Sequence[Environment], *, of_applications: bool) -> Iterator[_Overlap]:
    """The names of different environments that can be the same.

    `of_applications`: those of their Applications, as the ApplicationSets of both call them. What
    stands before the first `*` of one of two such names begins the other one: names in their order
    are compared with the few that begin them.
    """
    names = [
        (f"{each.name}-{name}" if of_applications else name, number, place)
        for number, each in enumerate(environments)
        for place, name in enumerate(cluster_names(each))
    ]
    names.sort(key=lambda each: _start(each[0]))
    begun: list[tuple[str, int, int]] = []
    for name, number, place in names:
        while begun and not name.startswith(_start(begun[-1][0])):
            begun.pop()
        for other, its_number, its_place in begun:
            same = len(_start(other))
            if number != its_number and overlap(other[same:], name[same:]):
                pair = sorted(((its_number, its_place), (number, place)))
                yield _Overlap(pair[0][0], pair[1][0], pair[0][1], pair[1][1], of_applications)
        begun.append((name, number, place))


def _start(name: str) -> str:
    return name.partition(ANY)[0]


def refuse_overlaps_of_argocd(root: Path, environments: Sequence[Environment]) -> None:
    """The same, where the repository has objects for Argo CD."""
    if (root / ARGOCD_FOLDER).is_dir():
        refuse_overlaps(environments)


@functools.cache
def overlap(one: str, other: str) -> bool:
    """Whether some text fits both patterns, in which `*` stands for any text."""
    if one == other:
        return True
    if not one or not other:
        return set(one + other) <= {ANY}
    if one[0] == ANY:
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == ANY:
        return overlap(one, other[1:]) or overlap(one[1:], other)
    return one[0] == other[0] and overlap(one[1:], other[1:])
