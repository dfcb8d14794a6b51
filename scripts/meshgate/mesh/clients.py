"""Clients in classes: those that no rule of their namespace, selector or Sidecar tells apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from meshgate.mesh import selectors
from meshgate.mesh.client_groups import ClientClass, Profile
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.mesh.packet_filter import PacketFilter, Sending
from meshgate.mesh.scopes import Scope, SidecarScopes
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import Workload


class MeshClients:
    """All clients of a mesh."""

    __slots__ = (
        "_class_of",
        "_sources",
        "classes",
        "gateways",
        "limited",
        "limited_profiles",
        "profiles",
    )

    def __init__(
        self,
        workloads: Iterable[Workload],
        rules: DestinationRules,
        scopes: SidecarScopes,
        sources: Sequence[Labels],
        reason: Callable[[Workload], str],
        *,
        restriction: Callable[[Workload], str],
        packets: PacketFilter,
        by_account: bool = False,
    ) -> None:
        """`sources`: source labels that routes ask for; `reason`: why calls are undecided.

        `restriction`: why calls may be refused. It names no object, or each namespace with a
        policy of its own would be a profile of its own. `packets`: which packets pass.
        `by_account`: whether policies may tell service accounts apart.
        """
        self.classes: list[ClientClass] = []
        self._class_of: dict[int, ClientClass] = {}
        wanted = _selectors(rules)
        by_key: dict[object, ClientClass] = {}
        for workload in workloads:
            if workload.kind == "WorkloadEntry" and not workload.has_sidecar:
                # A machine outside the cluster, which calls nothing through the mesh.
                continue
            own = scopes.of(workload) if workload.has_sidecar else ()
            key = (
                workload.plane,
                # Each gateway has routes of its own.
                id(workload) if workload.plane is DataPlane.GATEWAY else 0,
                workload.namespace,
                tuple(map(id, own)),
                tuple(
                    selectors.matches(selector, workload.labels)
                    for selector in wanted.get(workload.namespace, ())
                ),
                tuple(
                    number
                    for number, labels in enumerate(sources)
                    if selectors.matches(labels, workload.labels)
                ),
                workload.uncaptured_outbound,
                why := workload.plane_reason or reason(workload),
                restricted_by := restriction(workload),
                sending := packets.sending(workload),
                packets.client_key(workload),
                workload.service_account if by_account else "",
            )
            known = by_key.get(key)
            if known is None:
                known = by_key[key] = ClientClass(
                    workload.namespace,
                    workload.plane,
                    workload.labels,
                    own,
                    workload.uncaptured_outbound,
                    why,
                    restricted_by,
                    sending,
                )
                self.classes.append(known)
            known.members.append(workload)
            self._class_of[id(workload)] = known
        # Limited by a Sidecar resource: asked one by one, about the services they import.
        self.limited = [each for each in self.classes if each.is_limited]
        # Gateways: asked one by one, about the services they route to.
        self.gateways = [each for each in self.classes if each.plane is DataPlane.GATEWAY]
        self.profiles = self._profiles()
        # Those that a Sidecar resource limits, which nearly all services treat alike: as hidden.
        self.limited_profiles = self._limited_profiles()
        self._sources: dict[tuple[tuple[str, str], ...], list[ClientClass]] = {}

    def scopes_of(self, workload: Workload) -> tuple[Scope, ...]:
        """The Sidecar resources that may limit what a client sees."""
        own = self._class_of.get(id(workload))
        return own.scopes if own is not None else ()

    def class_of(self, workload: Workload) -> ClientClass | None:
        """The class of a workload as a client; None: it calls nothing through the mesh."""
        return self._class_of.get(id(workload))

    def sources(self, labels: Labels, profile: Profile) -> Iterator[ClientClass]:
        """The classes of a profile whose members carry a route's source labels."""
        key = tuple(sorted(labels.items()))
        if key not in self._sources:
            sources = [each for each in self.classes if selectors.matches(labels, each.labels)]
            self._sources[key] = sources
        for each in self._sources[key]:
            if each.profile is profile:
                yield each

    def _profiles(self) -> list[Profile]:
        profiles: dict[tuple[DataPlane, str, str, Sending], Profile] = {}
        for each in self.classes:
            if each.plane is not DataPlane.GATEWAY and not each.is_limited:
                key = each.plane, each.reason, each.restricted_by, each.sending
                profile = profiles.get(key)
                if profile is None:
                    profile = profiles[key] = Profile(*key)
                profile.add(each)
        return list(profiles.values())

    def _limited_profiles(self) -> list[Profile]:
        profiles: dict[tuple[str, str, str, Sending], Profile] = {}
        for each in self.limited:
            key = each.outbound, each.reason, each.restricted_by, each.sending
            profile = profiles.get(key)
            if profile is None:
                profile = profiles[key] = Profile(each.plane, *key[1:])
            profile.add(each)
        return list(profiles.values())


def _selectors(rules: DestinationRules) -> dict[str, list[Labels]]:
    """The distinct selectors of each namespace's DestinationRules."""
    by_namespace: dict[str, list[Labels]] = {}
    for rule in rules.all.values():
        if rule.selector is not None:
            own = by_namespace.setdefault(rule.namespace, [])
            if rule.selector not in own:
                own.append(rule.selector)
    return by_namespace
