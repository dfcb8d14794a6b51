"""The clients of two meshes in common classes: those that neither mesh tells apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from meshgate.mesh import CallClass, ClientClass, DataPlane, Delivery, Mesh, Workload
from meshgate.mesh.client_set import ClientSet

# Clients whose calls always count; one without a proxy counts where somebody relies on it.
COUNTED = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY, DataPlane.AMBIENT})


class KnownCall(NamedTuple):
    """A call that somebody expects, or that was seen: it counts whoever its client is."""

    namespace: str
    workload: str
    host: str
    port: int


class CommonClass:
    """Clients that are in one class before, and in one class after; None: they are not there."""

    __slots__ = ("after", "before", "members", "name")

    def __init__(
        self, before: ClientClass | None, after: ClientClass | None, name: tuple[str, str] | None
    ) -> None:
        self.before = before
        self.after = after
        # Namespace and workload of clients without a proxy that somebody relies on.
        self.name = name
        # As they are afterwards; those that are gone, as they were.
        self.members: list[Workload] = []

    @property
    def namespace(self) -> str:
        return self.members[0].namespace

    @property
    def plane(self) -> DataPlane:
        """What stands between the clients and the wire, afterwards if they are still there."""
        return self.members[0].plane

    @property
    def is_counted(self) -> bool:
        """Whether their calls count, whoever is called."""
        sides = (self.before, self.after)
        return any(side is not None and side.plane in COUNTED for side in sides)


class ProfilePair:
    """Common classes of one profile before and one after, which most services treat alike."""

    __slots__ = ("classes", "count")

    def __init__(self) -> None:
        self.classes: list[CommonClass] = []
        self.count = 0


class Clients(ClientSet):
    """Some of the common classes of clients. Members are listed only when they are asked for.

    The members are as they are afterwards; those that are gone, as they were.
    """

    __slots__ = ("count", "first", "whole", "without")

    def __init__(
        self,
        whole: Sequence[CommonClass],
        count: int,
        first: CommonClass,
        without: Iterable[int] = (),
    ) -> None:
        # All classes among which these are, and those (by `id`) that are not.
        self.whole = whole
        self.without = frozenset(without)
        # How many clients these are.
        self.count = count
        # One of the classes.
        self.first = first

    @property
    def classes(self) -> Iterator[CommonClass]:
        """The classes."""
        for common in self.whole:
            if id(common) not in self.without:
                yield common

    @property
    def plane(self) -> DataPlane:
        """What stands between them and the wire."""
        return self.first.plane

    @property
    def label(self) -> str:
        """Who they are where they are no workloads of the inventory; empty: they are."""
        return ""


class Stranger(Clients):
    """A client that no inventory has, counted as one.

    identity  what it proves; None: nothing. `?` stands for a name that no file has
    """

    __slots__ = ("_label", "identity")

    def __init__(self, identity: str | None, label: str) -> None:
        nobody = CommonClass(None, None, None)
        super().__init__([nobody], 1, nobody)
        self.identity = identity
        self._label = label

    @property
    def members(self) -> Iterator[Workload]:
        """No workload."""
        return iter(())

    @property
    def namespaces(self) -> list[str]:
        """None that is known."""
        return []

    @property
    def plane(self) -> DataPlane:
        """Not known, but that of mutual TLS there is a proxy."""
        return DataPlane.NONE if self.identity is None else DataPlane.UNKNOWN

    @property
    def label(self) -> str:
        """Who it is."""
        return self._label


class Calls(Struct, frozen=True):
    """What some clients call of one service port on one side.

    `unseen`: what becomes of the calls of clients whose proxies do not know the host there.
    """

    classes: tuple[CallClass, ...] = ()
    unseen: tuple[Delivery, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.classes or self.unseen)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for clients with the same calls."""
        return tuple(map(id, self.classes)), tuple(map(id, self.unseen))


class CallingClients(Struct, frozen=True):
    """Clients with the calls that they make to one service port, before and after."""

    clients: Clients
    before: Calls
    after: Calls


class AllClients:
    """All clients of two meshes."""

    def __init__(self, before: Mesh, after: Mesh, known_calls: Iterable[KnownCall]) -> None:
        self._known_calls: dict[tuple[str, int], set[tuple[str, str]]] = {}
        named = set()
        for call in known_calls:
            named.add((call.namespace, call.workload))
            self._known_calls.setdefault((call.host, call.port), set()).add(call[:2])
        self._before = _MeshClients(before)
        self._after = _MeshClients(after)
        self._named: dict[tuple[str, str], list[CommonClass]] = {}
        self._profiles: dict[tuple[object, ...], ProfilePair] = {}
        self._profiles_of: dict[int, ProfilePair] = {}
        for common in _common_classes(before, after, named):
            self._file(common)

    def _file(self, common: CommonClass) -> None:
        for side, own in ((self._before, common.before), (self._after, common.after)):
            if own is not None:
                side.classes.setdefault(id(own), []).append(common)
        if common.name is not None:
            self._named.setdefault(common.name, []).append(common)
        key = _kind(common.before), _kind(common.after), common.is_counted
        profiles = self._profiles.setdefault(key, ProfilePair())
        profiles.classes.append(common)
        profiles.count += len(common.members)
        self._profiles_of[id(common)] = profiles

    @property
    def classes(self) -> Iterator[CommonClass]:
        """All common classes."""
        for profiles in self._profiles.values():
            yield from profiles.classes

    def totals(self) -> Counter[DataPlane]:
        """How many clients there are, by what stands between them and the wire."""
        counted: Counter[DataPlane] = Counter()
        for profiles in self._profiles.values():
            for common in profiles.classes:
                counted[common.plane] += len(common.members)
        return counted

    def relies(self, calling: CallingClients, host: str, port: int) -> bool:
        """Whether calls of these clients to a service port count.

        Those of a proxy that knows the service neither before nor after count where somebody
        relies on them, as those of clients without a proxy do.
        """
        known = self._known_calls.get((host, port), set())
        first = calling.clients.first
        if not first.is_counted:
            return first.name in known
        if calling.before.classes or calling.after.classes:
            return True
        return bool(known) and any(
            (each.namespace, each.name) in known for each in calling.clients.members
        )

    def callers(
        self, host: str, port: int, before: Sequence[CallClass], after: Sequence[CallClass]
    ) -> Iterator[CallingClients]:
        """All clients that call a service port, by what they call; no client is in two of them."""
        then = _Callees(self._before, host, port, before)
        now = _Callees(self._after, host, port, after)
        apart = {id(common): common for callees in (then, now) for common in callees.apart()}
        for name in sorted(self._known_calls.get((host, port), ())):
            apart.update((id(common), common) for common in self._named.get(name, ()))
        yield from self._apart(apart.values(), then, now)
        yield from self._rest(apart, then, now)

    def _apart(
        self, classes: Iterable[CommonClass], then: _Callees, now: _Callees
    ) -> Iterator[CallingClients]:
        groups: dict[object, tuple[list[CommonClass], Calls, Calls]] = {}
        for common in classes:
            before, after = _both(common, then, now)
            if before or after:
                alone = id(common) if common.name is not None else 0
                key = alone, common.is_counted, before.key, after.key
                groups.setdefault(key, ([], before, after))[0].append(common)
        for members, before, after in groups.values():
            count = sum(len(common.members) for common in members)
            yield CallingClients(Clients(members, count, members[0]), before, after)

    def _rest(
        self, apart: Mapping[int, CommonClass], then: _Callees, now: _Callees
    ) -> Iterator[CallingClients]:
        by_profiles: dict[int, list[int]] = {}
        for each in apart:
            by_profiles.setdefault(id(self._profiles_of[each]), []).append(each)
        for profiles in self._profiles.values():
            without = by_profiles.get(id(profiles), [])
            count = profiles.count - sum(len(apart[each].members) for each in without)
            if count:
                left = set(without)
                first = next(common for common in profiles.classes if id(common) not in left)
                before, after = _both(first, then, now)
                if before or after:
                    yield CallingClients(
                        Clients(profiles.classes, count, first, left), before, after
                    )


class _MeshClients:
    """One of the two meshes."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        # By class of clients.
        self.classes: dict[int, list[CommonClass]] = {}


class _Callees:
    """The classes of calls to one service port on one side, by who makes them."""

    def __init__(
        self, side: _MeshClients, host: str, port: int, calls: Iterable[CallClass]
    ) -> None:
        self._side = side
        self._host = host
        self._port = port
        self._listed: dict[int, list[CallClass]] = {}
        # By profile: the calls of all its classes but some.
        self._rest: dict[int, list[CallClass]] = {}
        # The classes that are listed, that the rest of a profile leaves out, or that import it.
        self._apart = dict.fromkeys(map(id, side.mesh.importers(host)))
        for call in calls:
            profile = call.clients.profile
            if profile is None:
                for each in call.clients.classes:
                    self._listed.setdefault(id(each), []).append(call)
                    self._apart[id(each)] = None
            else:
                self._rest.setdefault(id(profile), []).append(call)
                self._apart.update(dict.fromkeys(call.clients.apart))

    def apart(self) -> Iterator[CommonClass]:
        """The clients that may differ from the rest."""
        for each in self._apart:
            yield from self._side.classes.get(each, ())

    def of(self, client: ClientClass | None, *, is_called: bool) -> Calls:
        """The calls of one class of clients; `is_called`: they have some on the other side."""
        if client is None:
            return Calls()
        own = self._listed.get(id(client), [])
        if client.profile is not None:
            rest = self._rest.get(id(client.profile), ())
            own = own + [call for call in rest if call.clients.has(client)]
        if own and all(call.hidden for call in own):
            return Calls((), tuple(each for call in own for each in call.deliveries))
        if own or not is_called:
            return Calls(tuple(own))
        return Calls((), self._side.mesh.unseen(client, self._host, self._port))


def _common_classes(
    before: Mesh, after: Mesh, named: set[tuple[str, str]]
) -> Iterable[CommonClass]:
    by_sides: dict[tuple[int, int, tuple[str, str] | None], CommonClass] = {}
    was = {_key(workload): workload for workload in before.workloads}
    now = {_key(workload): workload for workload in after.workloads}
    for key in was | now:
        old, new = was.get(key), now.get(key)
        sides = (
            before.clients.class_of(old) if old is not None else None,
            after.clients.class_of(new) if new is not None else None,
        )
        if sides == (None, None):
            continue
        counted = any(side is not None and side.plane in COUNTED for side in sides)
        name = key[:2] if not counted and key[:2] in named else None
        own = id(sides[0]), id(sides[1]), name
        common = by_sides.get(own)
        if common is None:
            common = by_sides[own] = CommonClass(*sides, name)
        common.members.append(new if new is not None else old)  # type: ignore[arg-type] # one is there
    return by_sides.values()


def _key(workload: Workload) -> tuple[str, str, str]:
    return workload.namespace, workload.name, workload.kind


def _both(common: CommonClass, then: _Callees, now: _Callees) -> tuple[Calls, Calls]:
    """What clients call before and after."""
    before = then.of(common.before, is_called=False)
    after = now.of(common.after, is_called=bool(before))
    if after and not before:
        before = then.of(common.before, is_called=True)
    return before, after


def _kind(side: ClientClass | None) -> tuple[object, ...]:
    """Equal for classes that no service tells apart unless it lists them."""
    if side is None:
        return ("absent",)
    if side.profile is not None:
        return "profile", id(side.profile), side.outbound
    return side.plane, side.reason, side.uncaptured, side.outbound
