"""Read a whole cluster: every kind that meshgate looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from meshgate.cluster import kinds
from meshgate.cluster.client import ClusterClient
from meshgate.cluster.kinds import ListedKind
from meshgate.errors import ServiceError
from meshgate.model import JSONObject

STEPS = len(kinds.ALL)


class Live(NamedTuple):
    """The live objects of a cluster by kind, whole."""

    by_kind: dict[str, list[JSONObject]]
    # Kinds that the API server does not serve, in no version that is read.
    unserved: list[ListedKind]
    # What it serves of those, or may serve, and was not read; each in a sentence.
    unread: list[str]

    @property
    def served(self) -> frozenset[tuple[str, str]]:
        """The kinds that all objects are known of, by API group and kind."""
        return frozenset((kind.group, kind.kind) for kind in kinds.ALL if kind not in self.unserved)

    def of(self, *names: str) -> Iterator[JSONObject]:
        """The objects of these kinds."""
        for name in names:
            yield from self.by_kind.get(name, ())


def read(cluster: ClusterClient, progress: Callable[[], object] = lambda: None) -> Live:
    """Everything that is looked at. `progress` is called after each of `STEPS` kinds.

    Raises ServiceError where the API server refuses, does not answer, or serves no mesh.
    """
    live = Live({}, [], [])
    for kind in kinds.ALL:
        objects = cluster.objects(kind)
        if objects is None:
            live.unserved.append(kind)
            live.unread.extend(_unread(cluster, kind))
        else:
            # Two APIs may have a kind of one name.
            live.by_kind.setdefault(kind.kind, []).extend(objects)
        progress()
    if missing := sorted(kinds.EXPECTED.intersection(kind.kind for kind in live.unserved)):
        raise ServiceError(
            f"{cluster.context}: the API server serves no {' and no '.join(missing)}",
            why="Without Istio's CRDs there is no mesh to look at.",
            hint="name the context of a cluster that runs Istio",
        )
    return live


def _unread(cluster: ClusterClient, kind: ListedKind) -> Iterator[str]:
    """What is there of a kind all the same: a server of a later release has versions of its own."""
    try:
        versions = cluster.versions(kind)
    except ServiceError as error:
        yield f"whether the API server serves {kind.resource}: {error}"
        return
    if versions:
        yield f"{kind.resource}, which the API server serves as {' and '.join(versions)} alone"
