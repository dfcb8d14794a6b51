"""What the model cannot decide of a call, by its two ends and the host that is called."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh.catalog import Catalog
from meshgate.mesh.covers import EVERYWHERE, Cover, Covers, End, Influence, Pod, pod_of
from meshgate.mesh.hosts import HostIndex, is_subset, is_wildcard
from meshgate.mesh.ingress import IngressControllers
from meshgate.mesh.registry import Registry
from meshgate.mesh.services import Endpoint
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.unread import (
    gateways,
    mesh_config,
    network_policies,
    proxy_extensions,
    revisions,
    services,
    sidecars,
)
from meshgate.mesh.unread.services import HostCover
from meshgate.mesh.virtual_services import Caller
from meshgate.mesh.workloads import Workload
from meshgate.model import MeshFacts, Resource

WORKLOAD_ENTRY = "WorkloadEntry"
_FAMILIES = (
    network_policies.covers,
    proxy_extensions.covers,
    gateways.covers,
    sidecars.covers,
    revisions.covers,
)


class _Covered(Struct, frozen=True):
    """The first object, by end and by what it may do, that covers a workload."""

    server_changes: Cover | None = None
    client_changes: Cover | None = None
    # At the server's proxy, and before it.
    server_refuses: Cover | None = None
    server_filters: Cover | None = None
    client_refuses: Cover | None = None
    # Before the client's proxy.
    client_filters: Cover | None = None


_NOTHING = _Covered()


class Unread(Struct, frozen=True):
    """An object that is not read, and the workloads and hosts whose calls it leaves undecided."""

    resource: Resource
    reason: str
    covered: tuple[str, ...]


class Undecided:
    """The reasons for which an answer is "not decidable", by workload and host."""

    __slots__ = (
        "_covered",
        "_ingress",
        "contradictions",
        "covers",
        "hosts",
        "hosts_by",
        "hosts_of_all",
        "hosts_of_gateways",
        "mesh",
        "modes",
    )

    def __init__(self, catalog: Catalog, facts: MeshFacts) -> None:
        self.covers = Covers(
            itertools.chain.from_iterable(family(catalog, facts) for family in _FAMILIES)
        )
        self._covered: dict[int, _Covered] = {}
        self._ingress = IngressControllers(catalog)
        # Objects that decide calls to a host: why those of clients with a sidecar are not
        # decidable, why those of gateways, and why those of all clients are not.
        self.hosts_by = (
            *services.host_covers(catalog, facts),
            *revisions.host_covers(catalog, facts),
        )
        self.hosts: HostIndex[list[HostCover]] = HostIndex()
        self.hosts_of_gateways: HostIndex[list[HostCover]] = HostIndex()
        for each in self.hosts_by:
            if each.sidecars:
                _file(self.hosts, each)
            if each.gateways:
                _file(self.hosts_of_gateways, each)
        self.hosts_of_all = {each.host: each.reason for each in self.hosts_by if each.everybody}
        # MeshConfig that is not what is declared; `mesh` is why no call at all is decidable.
        self.contradictions = tuple(mesh_config.contradictions(catalog, facts))
        self.mesh = next((each.reason for each in self.contradictions if each.decides), "")
        # Why no mode of a server is known either.
        self.modes = next((each.reason for each in self.contradictions if each.places), "")

    def server(self, workload: Workload) -> str:
        """Why it is not known what a workload's proxy accepts; empty: it is."""
        doubt = workload.doubts.server
        return _reason(self._of(workload).server_changes) or (f"it {doubt}" if doubt else "")

    def client(self, workload: Workload) -> str:
        """Why it is not known what a workload's proxy sends; empty: it is."""
        doubt = workload.doubts.client
        changed = _reason(self._of(workload).client_changes) or (
            f"the client {doubt}" if doubt else ""
        )
        if not changed and workload.plane is DataPlane.SIDECAR:
            return self._ingress.reason(workload)
        return changed

    def may_refuse(self, workload: Workload, port: int | None) -> str:
        """Why it is not known whether a server lets a call in that works otherwise; empty: it is.

        `port` None: on ports in general.
        """
        covered = self._of(workload)
        reasons = [_reason(covered.server_filters)]
        is_bypassed = workload.plane is DataPlane.SIDECAR and not (
            port is None or workload.captures(port)
        )
        if not is_bypassed:
            reasons.insert(0, _reason(covered.server_refuses))
        return "; ".join(filter(None, reasons))

    def may_refuse_at(self, endpoint: Endpoint) -> str:
        """The same of an endpoint, which may be an address outside the inventory."""
        if endpoint.workload is not None:
            return self.may_refuse(endpoint.workload, endpoint.port)
        if not endpoint.mtls or not self.covers.all:
            return ""
        # An address that is marked to have a sidecar.
        pod = Pod(endpoint.namespace, endpoint.labels, DataPlane.SIDECAR)
        return _reason(_covered(self.covers.of(pod)).server_refuses)

    def may_change_at(self, endpoint: Endpoint) -> str:
        """Why nothing is known of what arrives at an endpoint in ambient mode; empty: it is."""
        workload = endpoint.workload
        if workload is None or workload.plane is not DataPlane.AMBIENT:
            return ""
        reason = self.server(workload)
        return f"{workload}: {reason}" if reason else ""

    def host(self, host: str, plane: DataPlane, caller: Caller | None) -> str:
        """Why it is not known what becomes of calls of such proxies to a host; empty: it is.

        `caller` None: any of them.
        """
        hosts = self.hosts_of_gateways if plane is DataPlane.GATEWAY else self.hosts
        for covers in hosts.covering(host):
            for cover in covers:
                if caller is None or cover.is_for(caller):
                    return cover.reason
        return ""

    def client_cover(self, workload: Workload) -> Cover | None:
        """An object that may refuse a client's calls; None: none does."""
        return self._of(workload).client_refuses

    def packet_filter(self, workload: Workload, end: End) -> Cover | None:
        """An object that is not read and decides which packets pass there; None: there is none."""
        covered = self._of(workload)
        return covered.server_filters if end is End.SERVER else covered.client_filters

    def client_restriction(self, workload: Workload) -> str:
        """Why a client's calls may be refused, without the name of the object; empty: none may."""
        cover = self.client_cover(workload)
        return f"a {cover.resource.kind} {cover.about}" if cover is not None else ""

    def unread(self, registry: Registry) -> Iterator[Unread]:
        """Every object that is not read and calls depend on; `covered` is empty for some."""
        by_resource: dict[int, tuple[Resource, list[str], dict[str, None]]] = {}
        for cover in self.covers.all:
            _, reasons, covered = by_resource.setdefault(
                id(cover.resource), (cover.resource, [], {})
            )
            reasons.append(cover.about)
            for workload in self._candidates(cover, registry):
                if _is_for(cover, workload):
                    covered[str(workload)] = None
        for host in self.hosts_by:
            _, reasons, covered = by_resource.setdefault(id(host.resource), (host.resource, [], {}))
            reasons.append(host.about)
            if host.host in registry.by_host:
                covered[host.host] = None
            elif is_wildcard(host.host):
                hosts = (each for each in registry.by_host if is_subset(each, host.host))
                covered.update(dict.fromkeys(hosts))
        for workload in registry.workloads:
            if doubts := [each for each in dict.fromkeys(workload.doubts) if each]:
                _, reasons, covered = by_resource.setdefault(
                    id(workload.resource), (workload.resource, [], {})
                )
                reasons += doubts
                covered[str(workload)] = None
        for resource, reasons, covered in by_resource.values():
            yield Unread(resource, "; ".join(dict.fromkeys(reasons)), tuple(sorted(covered)))

    def _candidates(self, cover: Cover, registry: Registry) -> Iterator[Workload]:
        places = registry.index if cover.namespace == EVERYWHERE else (cover.namespace,)
        for place in places:
            index = registry.index.get(place)
            if index is not None:
                yield from index.select(cover.labels)

    def _of(self, workload: Workload) -> _Covered:
        if not self.covers.all:
            return _NOTHING
        covered = self._covered.get(id(workload))
        if covered is None:
            covered = self._covered[id(workload)] = _covered(
                cover for cover in self.covers.of(pod_of(workload)) if _is_for(cover, workload)
            )
        return covered


def _file(index: HostIndex[list[HostCover]], cover: HostCover) -> None:
    known = index.get(cover.host)
    if known is None:
        index[cover.host] = [cover]
    else:
        known.append(cover)


def _is_for(cover: Cover, workload: Workload) -> bool:
    """Whether a cover that fits by labels is for a workload: packet filters stand before pods."""
    return cover.covers(pod_of(workload)) and (cover.by_proxy or workload.kind != WORKLOAD_ENTRY)


def _covered(covers: Iterator[Cover]) -> _Covered:
    fields: dict[str, Cover] = {}
    for cover in covers:
        if End.SERVER in cover.ends:
            name = "server_changes" if cover.influence is Influence.CHANGE else "server_refuses"
            if name == "server_refuses" and not cover.by_proxy:
                name = "server_filters"
            fields.setdefault(name, cover)
        if End.CLIENT in cover.ends:
            name = "client_changes" if cover.influence is Influence.CHANGE else "client_refuses"
            fields.setdefault(name, cover)
            if not cover.by_proxy:
                fields.setdefault("client_filters", cover)
    return _Covered(**fields)


def _reason(cover: Cover | None) -> str:
    return cover.reason if cover is not None else ""
