"""Clients in classes: those that no rule of their namespace, selector or Sidecar tells apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, field

from meshgate.mesh import selectors
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.mesh.packet_filter import UNFILTERED, PacketFilter, Sending
from meshgate.mesh.scopes import Scope, SidecarScopes
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import Workload


class ClientClass(Struct, eq=False):
    """Clients of one namespace that get the same answer for every service.

    `labels` are those of one member; the others match the same DestinationRule selectors.
    """

    namespace: str
    plane: DataPlane
    labels: Labels
    # The Sidecar resources that may limit what they see; empty: they see everything.
    scopes: tuple[Scope, ...]
    # Destination ports whose calls bypass the sidecar.
    uncaptured: frozenset[int]
    # Why their calls cannot be decided; empty: they can.
    reason: str
    # Why their calls may be refused that work otherwise; empty: nothing of theirs may.
    restricted_by: str = ""
    # What NetworkPolicies make of what they send.
    sending: Sending = UNFILTERED
    members: list[Workload] = field(default_factory=list)
    profile: Profile | None = None

    @property
    def is_limited(self) -> bool:
        """Whether a Sidecar resource may hide services from them."""
        return any(not scope.is_everything for scope in self.scopes)

    @property
    def outbound(self) -> str:
        """What becomes of calls to hosts that they do not know; empty: the mesh decides."""
        return self.scopes[0].outbound if self.scopes else ""

    def __len__(self) -> int:
        return len(self.members)


class ClientGroup:
    """Classes of clients that get the same answer for one service port.

    All of them have one `restricted_by` and one `sending`.
    """

    __slots__ = ("_classes", "_ids", "_profile", "_without", "count", "plane")

    def __init__(
        self,
        plane: DataPlane,
        classes: Sequence[ClientClass],
        profile: Profile | None = None,
        without: Iterable[ClientClass] = (),
    ) -> None:
        """`profile`: the classes are all of this profile, without some."""
        self.plane = plane
        self._classes = classes
        self._profile = profile
        self._ids: frozenset[int] | None = None
        self._without = {id(each): len(each) for each in without}
        total = profile.count if profile is not None else sum(map(len, classes))
        # How many clients these are.
        self.count = total - sum(self._without.values())

    @property
    def profile(self) -> Profile | None:
        """The profile of which these are all classes but `apart`; None: `classes` lists them."""
        return self._profile

    @property
    def apart(self) -> Iterable[int]:
        """The classes (by `id`) of the profile that are not among them."""
        return self._without

    @property
    def restricted_by(self) -> str:
        """Why calls of theirs may be refused that work otherwise; empty: nothing of theirs may."""
        if self._profile is not None:
            return self._profile.restricted_by
        return self._classes[0].restricted_by if self._classes else ""

    @property
    def sending(self) -> Sending:
        """What NetworkPolicies make of what they send."""
        if self._profile is not None:
            return self._profile.sending
        return self._classes[0].sending if self._classes else UNFILTERED

    def leaving_out(self, classes: Sequence[ClientClass]) -> ClientGroup:
        """The same without some of their classes."""
        if not classes:
            return self
        if self._profile is None:
            left = {id(each) for each in classes}
            own = [each for each in self._classes if id(each) not in left]
            return ClientGroup(self.plane, own)
        rest = ClientGroup(self.plane, self._classes, self._profile, classes)
        rest._without |= self._without
        rest.count = self._profile.count - sum(rest._without.values())
        return rest

    @property
    def classes(self) -> Iterator[ClientClass]:
        """The classes, one after the other."""
        for each in self._classes:
            if id(each) not in self._without:
                yield each

    def has(self, each: ClientClass) -> bool:
        """Whether a class is among them."""
        if self._profile is not None:
            return each.profile is self._profile and id(each) not in self._without
        if self._ids is None:
            self._ids = frozenset(map(id, self._classes))
        return id(each) in self._ids

    @property
    def members(self) -> Iterator[Workload]:
        """The clients themselves."""
        for each in self.classes:
            yield from each.members

    @property
    def namespaces(self) -> list[str]:
        """The namespaces the clients live in, sorted."""
        return sorted({each.namespace for each in self.classes})


class Profile:
    """Classes that differ only by namespace and selectors: most services treat them alike."""

    __slots__ = (
        "by_namespace",
        "classes",
        "count",
        "plane",
        "reason",
        "restricted_by",
        "sending",
        "uncaptured",
    )

    def __init__(self, plane: DataPlane, reason: str, restricted_by: str, sending: Sending) -> None:
        self.plane = plane
        self.reason = reason
        self.restricted_by = restricted_by
        self.sending = sending
        self.classes: list[ClientClass] = []
        self.by_namespace: dict[str, list[ClientClass]] = {}
        self.uncaptured: dict[int, list[ClientClass]] = {}
        self.count = 0

    def add(self, each: ClientClass) -> None:
        """File a class."""
        each.profile = self
        self.classes.append(each)
        self.by_namespace.setdefault(each.namespace, []).append(each)
        for port in each.uncaptured:
            self.uncaptured.setdefault(port, []).append(each)
        self.count += len(each)

    def in_namespaces(self, namespaces: Iterable[str]) -> Iterator[ClientClass]:
        """The classes of these namespaces."""
        for namespace in namespaces:
            yield from self.by_namespace.get(namespace, ())

    def rest(self, without: Iterable[ClientClass]) -> ClientGroup:
        """All classes but these."""
        return ClientGroup(self.plane, self.classes, self, without)


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
