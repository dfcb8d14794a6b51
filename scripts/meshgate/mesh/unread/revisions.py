"""Objects of one revision, before proxies of which it is not known whether they are of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from meshgate.mesh import hosts, selectors
from meshgate.mesh.authorization import Authorization
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.covers import EVERYWHERE, PROXIES, Cover, End, Influence, Pod
from meshgate.mesh.known_admissions import server_of
from meshgate.mesh.revisions import LabelledObject, Revisions
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.unread.attachment import attachments
from meshgate.mesh.unread.services import HostCover
from meshgate.mesh.workloads import Workload
from meshgate.model import JSON, MeshFacts, Resource

_SERVERS = frozenset({End.SERVER})
_CLIENTS = frozenset({End.CLIENT})
_GATEWAYS = frozenset({DataPlane.GATEWAY})
_SIDECARS = frozenset({DataPlane.SIDECAR})
_ENFORCING = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT})
# What clients find of a host.
_OF_HOSTS = ("DestinationRule", "ServiceEntry", "VirtualService")


def covers(catalog: Catalog, facts: MeshFacts) -> Iterator[Cover]:
    """The proxies that may or may not get a labelled object."""
    revisions = Revisions(catalog, facts)

    def is_open(pod: Pod) -> bool:
        return revisions.is_open(pod.revision)

    for each in revisions.of(*_PLACES):
        for place in _PLACES[each.resource.kind](each.resource, facts):
            yield Cover(
                each.resource,
                each.about(facts.revision),
                place.ends,
                Influence.CHANGE,
                place.namespace,
                place.labels,
                place.planes,
                selects=is_open,
            )


class _Place(NamedTuple):
    """The proxies that an object is for, and the end of their calls that it decides."""

    ends: frozenset[End]
    namespace: str
    labels: Labels
    planes: frozenset[DataPlane]


def _peers(resource: Resource, facts: MeshFacts) -> Iterator[_Place]:
    for place in attachments(resource, facts.root_namespace, "selector.matchLabels"):
        # One that selects in the root namespace counts for nobody.
        if place.namespace != EVERYWHERE or not place.labels:
            yield _Place(_SERVERS, place.namespace, place.labels, _ENFORCING)


def _sidecar(resource: Resource, facts: MeshFacts) -> Iterator[_Place]:
    for place in attachments(resource, facts.root_namespace, "workloadSelector.labels"):
        # With a selector it is for its own namespace, also in the root namespace.
        namespace = namespace_of(resource) if place.labels else place.namespace
        yield _Place(frozenset(End), namespace, place.labels, _SIDECARS)


def _gateway(resource: Resource, _facts: MeshFacts) -> Iterator[_Place]:
    labels = selectors.labels(resource.spec.get("selector"))
    yield _Place(frozenset(End), EVERYWHERE, labels, _GATEWAYS)


def _routes(resource: Resource, facts: MeshFacts) -> Iterator[_Place]:
    if any(name != "mesh" for name in _texts(resource.spec.get("gateways"))):
        yield _Place(_CLIENTS, EVERYWHERE, {}, _GATEWAYS)
    yield from _clients(resource, facts)


def _clients(resource: Resource, facts: MeshFacts) -> Iterator[_Place]:
    """Where no revision is stated, calls to its hosts alone are open: `host_covers`."""
    if facts.revision:
        yield _Place(_CLIENTS, _audience(resource, facts), {}, PROXIES)


_PLACES: dict[str, Callable[[Resource, MeshFacts], Iterator[_Place]]] = {
    "PeerAuthentication": _peers,
    "Sidecar": _sidecar,
    "Gateway": _gateway,
    "VirtualService": _routes,
    "DestinationRule": _clients,
    "ServiceEntry": _clients,
}


def host_covers(catalog: Catalog, facts: MeshFacts) -> Iterator[HostCover]:
    """The hosts of labelled objects, where no revision is stated: no client is known to get them.

    Hosts may be wildcards.
    """
    if facts.revision:
        return
    for each in Revisions(catalog, facts).of(*_OF_HOSTS):
        spec, namespace = each.resource.spec, namespace_of(each.resource)
        names = _texts(spec.get("hosts")) or _texts([spec.get("host")])
        for name in names:
            host = hosts.expand(name, namespace, facts.cluster_domain)
            yield HostCover(each.resource, host, each.about(""))


def open_policies(
    authorization: Authorization, workloads: Iterable[Workload]
) -> Iterator[tuple[Resource, str, tuple[str, ...]]]:
    """Policies that decide who gets in, with the workloads that may or may not get them."""
    covered: dict[int, tuple[LabelledObject, list[str]]] = {}
    for workload in workloads:
        for each in authorization.of_revisions(server_of(workload)):
            covered.setdefault(id(each.resource), (each, []))[1].append(str(workload))
    for each, names in covered.values():
        about = each.about(authorization.revisions.stated)
        yield each.resource, about, tuple(sorted(set(names)))


def _audience(resource: Resource, facts: MeshFacts) -> str:
    """The namespace whose clients alone may get an object of a host; EVERYWHERE: not only one's."""
    exported = _texts(resource.spec.get("exportTo"))
    if resource.kind == "DestinationRule":
        if resource.spec.get("workloadSelector") is not None:
            return namespace_of(resource)
        exported = exported or list(facts.default_destination_rule_export_to)
    private = {".", namespace_of(resource)}
    return namespace_of(resource) if exported and set(exported) <= private else EVERYWHERE


def _texts(value: JSON) -> list[str]:
    return [str(item) for item in value if item] if isinstance(value, list) else []
