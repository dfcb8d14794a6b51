"""Objects that the model does not read, and the proxies and pods that they cover."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from meshgate.mesh import selectors
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import Workload
from meshgate.model import Resource

# Covers of every namespace are filed under this name, which no namespace has.
EVERYWHERE = ""
PROXIES = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY})


class End(enum.StrEnum):
    """The end of a call that an object influences."""

    SERVER = "server"
    CLIENT = "client"


class Influence(enum.StrEnum):
    """What an object may do to a call."""

    # It may refuse a call that works otherwise; one that fails without it fails all the same.
    REFUSE = "refuse"
    # It may do anything.
    CHANGE = "change"


class Pod(Struct, frozen=True):
    """What objects are matched with: the pods of a workload, or an address that is like one.

    `on_host`: they are in the node's network.
    """

    namespace: str
    labels: Labels
    plane: DataPlane
    on_host: bool = False
    # The revision, or tag, whose control plane its proxy asks.
    revision: str = ""


def _everything(_pod: Pod) -> bool:
    return True


class Cover(Struct, frozen=True):
    """What one object that is not read covers.

    about      what it decides, after its kind and name: `decides who may call it`
    namespace  of the pods; EVERYWHERE: of all namespaces
    labels     the pods have all of them; matched before `selects` is asked
    planes     what stands before the pods; empty: it does not matter
    selects    the rest of its selector
    by_proxy   whether it binds the proxy only, not calls that bypass it
    """

    resource: Resource
    about: str
    ends: frozenset[End]
    influence: Influence
    namespace: str
    labels: Labels
    planes: frozenset[DataPlane] = frozenset()
    selects: Callable[[Pod], bool] = _everything
    by_proxy: bool = True

    @property
    def reason(self) -> str:
        """Why what it covers is undecided: `AuthorizationPolicy shop/deny decides …`."""
        return f"{named(self.resource)} {self.about}"

    def covers(self, pod: Pod) -> bool:
        """Whether these are pods it is for."""
        return (
            self.namespace in {EVERYWHERE, pod.namespace}
            and (not self.planes or pod.plane in self.planes)
            and selectors.matches(self.labels, pod.labels)
            and self.selects(pod)
        )


class Covers:
    """Covers by namespace and label, so that a pod meets those only that may be for it."""

    __slots__ = ("_by_label", "_plain", "all")

    def __init__(self, covers: Iterable[Cover]) -> None:
        self.all = tuple(covers)
        self._plain: dict[str, list[Cover]] = {}
        self._by_label: dict[tuple[str, str, str], list[Cover]] = {}
        for cover in self.all:
            if cover.labels:
                pair = min(cover.labels.items())
                self._by_label.setdefault((cover.namespace, *pair), []).append(cover)
            else:
                self._plain.setdefault(cover.namespace, []).append(cover)

    def of(self, pod: Pod) -> Iterator[Cover]:
        """The covers of a pod."""
        for place in (EVERYWHERE, pod.namespace):
            for cover in self._plain.get(place, ()):
                if cover.covers(pod):
                    yield cover
            if self._by_label:
                for pair in pod.labels.items():
                    for cover in self._by_label.get((place, *pair), ()):
                        if cover.covers(pod):
                            yield cover


def pod_of(workload: Workload) -> Pod:
    """The pods of a workload."""
    return Pod(
        workload.namespace, workload.labels, workload.plane, workload.on_host, workload.revision
    )


def named(resource: Resource) -> str:
    """`Kind namespace/name`, as reasons name objects."""
    namespace = namespace_of(resource)
    return f"{resource.kind} {namespace}/{resource.name}" if namespace else str(resource)
