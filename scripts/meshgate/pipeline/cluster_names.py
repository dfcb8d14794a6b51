"""Which clusters of Argo CD are of which environment: no cluster is of two."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

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
    for one, other in itertools.combinations(environments, 2):
        for first, second in itertools.product(cluster_names(one), cluster_names(other)):
            if overlap(first, second):
                raise UsageError(
                    f"environments.yaml: a cluster could be of {one.name} ({first}) and of "
                    f"{other.name} ({second})",
                    why="Argo CD would let the policies of one environment into clusters of the "
                    "other.",
                    hint=f"say which are meant: `clusters: {{names: [...]}}` of {one.name} and of "
                    f"{other.name}, without overlap",
                )
            # As the ApplicationSets of both call the Applications.
            if overlap(f"{one.name}-{first}", f"{other.name}-{second}"):
                raise UsageError(
                    f"environments.yaml: the Application of a cluster of {one.name} ({first}) "
                    f"could be called like that of one of {other.name} ({second})",
                    why="Argo CD would keep one of them, and the other cluster would not be "
                    "synced.",
                    hint=f"call clusters otherwise in Argo CD: `clusters: {{names: [...]}}` of "
                    f"{one.name} and of {other.name}",
                )


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
