"""Clients in groups that get the same answer: parts of the mesh, without listing them again.

A policy that lets in a label of namespaces divides the clients of the whole mesh, and there may be
thousands of such policies. So a group is told by what divides it: a part that many groups share,
without a few classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from meshgate.mesh.client_set import ClientSet
from meshgate.mesh.packet_filter import UNFILTERED, Sending
from meshgate.mesh.scopes import Scope
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import Workload

# So many classes are listed rather than said by what they are a part of.
FEW = 64


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


class ClientPart:
    """Classes in an order that many groups share; what is asked of them is worked out once."""

    __slots__ = ("_places", "_starts", "_within", "classes", "count")

    def __init__(self, classes: Sequence[ClientClass]) -> None:
        self.classes = classes
        # How many clients these are.
        self.count = sum(map(len, classes))
        self._places: dict[int, int] | None = None
        self._within: dict[Profile, ClientPart] = {}
        self._starts: dict[tuple[ClientPart, ...], int] = {}

    @property
    def places(self) -> Mapping[int, int]:
        """The place of each class by its `id`."""
        if self._places is None:
            self._places = {id(each): place for place, each in enumerate(self.classes)}
        return self._places

    def has(self, each: ClientClass) -> bool:
        """Whether a class is among them."""
        return id(each) in self.places

    def within(self, profile: Profile) -> ClientPart:
        """Those of a profile."""
        known = self._within.get(profile)
        if known is None:
            known = ClientPart([each for each in self.classes if each.profile is profile])
            self._within[profile] = known
        return known

    def start(self, others: tuple[ClientPart, ...]) -> int:
        """The place of the first class that no other part has."""
        known = self._starts.get(others)
        if known is None:
            known = next(
                (
                    place
                    for place, each in enumerate(self.classes)
                    if not any(other.has(each) for other in others)
                ),
                len(self.classes),
            )
            self._starts[others] = known
        return known


class Profile(ClientPart):
    """Classes that differ only by namespace and selectors: most services treat them alike."""

    __slots__ = ("by_namespace", "plane", "reason", "restricted_by", "sending", "uncaptured")

    classes: list[ClientClass]

    def __init__(self, plane: DataPlane, reason: str, restricted_by: str, sending: Sending) -> None:
        super().__init__([])
        self.plane = plane
        self.reason = reason
        self.restricted_by = restricted_by
        self.sending = sending
        self.by_namespace: dict[str, list[ClientClass]] = {}
        self.uncaptured: dict[int, list[ClientClass]] = {}

    def add(self, each: ClientClass) -> None:
        """File a class."""
        each.profile = self
        self.classes.append(each)
        self.by_namespace.setdefault(each.namespace, []).append(each)
        for port in each.uncaptured:
            self.uncaptured.setdefault(port, []).append(each)
        self.count += len(each)

    def has(self, each: ClientClass) -> bool:
        """Whether a class is among them."""
        return each.profile is self

    def in_namespaces(self, namespaces: Iterable[str]) -> Iterator[ClientClass]:
        """The classes of these namespaces."""
        for namespace in namespaces:
            yield from self.by_namespace.get(namespace, ())

    def rest(self, without: Iterable[ClientClass]) -> ClientGroup:
        """All classes but these."""
        return ClientGroup(self.plane, (), self).leaving_out(list(without))


class ClientGroup(ClientSet):
    """Classes of clients that get the same answer for one service port.

    All of them have one `restricted_by` and one `sending`. They are those listed, or those of a
    part without the groups that are left out of it, and then those of further groups.
    """

    __slots__ = ("_ids", "count", "left_out", "listed", "more", "part", "plane")

    def __init__(
        self,
        plane: DataPlane,
        listed: Sequence[ClientClass],
        part: ClientPart | None = None,
        left_out: tuple[ClientGroup, ...] = (),
        more: tuple[ClientGroup, ...] = (),
    ) -> None:
        """`left_out` are within the part, and no class is in two of the groups."""
        self.plane = plane
        self.listed = listed
        self.part = part
        self.left_out = left_out
        self.more = more
        self._ids: frozenset[int] | None = None
        # How many clients these are.
        self.count = sum(map(len, listed)) if part is None else part.count
        for each in left_out:
            self.count -= each.count
        for each in more:
            self.count += each.count

    @classmethod
    def joined(cls, groups: Iterable[ClientGroup]) -> ClientGroup:
        """The classes of several groups that have none in common, one group after the other."""
        pieces: list[ClientGroup] = []
        for each in (piece for group in groups for piece in group.pieces):
            if pieces and each.part is None and pieces[-1].part is None:
                pieces[-1] = cls(each.plane, [*pieces[-1].listed, *each.listed])
            else:
                pieces.append(each)
        first, *more = pieces
        if not more:
            return first
        return cls(first.plane, first.listed, first.part, first.left_out, tuple(more))

    @property
    def pieces(self) -> tuple[ClientGroup, ...]:
        """The groups that it is joined of."""
        if not self.more:
            return (self,)
        return ClientGroup(self.plane, self.listed, self.part, self.left_out), *self.more

    @property
    def profile(self) -> Profile | None:
        """The profile of which these are all classes but `apart`; None: they are of none."""
        return self.part if isinstance(self.part, Profile) and not self.more else None

    @property
    def apart(self) -> Iterator[int]:
        """The classes (by `id`) of the profile that are not among them."""
        return (id(each) for group in self.left_out for each in group.classes)

    @property
    def restricted_by(self) -> str:
        """Why calls of theirs may be refused that work otherwise; empty: nothing of theirs may."""
        if isinstance(self.part, Profile):
            return self.part.restricted_by
        first = next(self.classes, None)
        return first.restricted_by if first is not None else ""

    @property
    def sending(self) -> Sending:
        """What NetworkPolicies make of what they send."""
        if isinstance(self.part, Profile):
            return self.part.sending
        first = next(self.classes, None)
        return first.sending if first is not None else UNFILTERED

    def leaving_out(self, classes: Sequence[ClientClass]) -> ClientGroup:
        """The same without some of their classes."""
        if not classes:
            return self
        if self.more:
            return ClientGroup.joined(
                piece.leaving_out(list(filter(piece.has, classes))) for piece in self.pieces
            )
        return self.without([ClientGroup(self.plane, classes)])

    def without(self, groups: Sequence[ClientGroup]) -> ClientGroup:
        """The same without some of their classes, of which no two groups have one in common.

        Whoever is left out of the part of such a group is in another one, or not among these.
        """
        if self.part is None or self.more:
            return ClientGroup(
                self.plane,
                [each for each in self.classes if not any(group.has(each) for group in groups)],
            )
        return ClientGroup(self.plane, (), self.part, (*groups, *self.left_out))

    def within(self, part: ClientPart, but: Mapping[int, ClientClass]) -> ClientGroup:
        """Those of a part, in its order, without some classes of it (by `id`)."""
        profile = self.profile
        if profile is not None and len(part.classes) > FEW:
            own = part.within(profile)
            apart = [each for each in but.values() if each.profile is profile]
            apart += (
                each
                for group in self.left_out
                for each in group.classes
                if own.has(each) and id(each) not in but
            )
            left_out = (ClientGroup(self.plane, apart),) if apart else ()
            return ClientGroup(self.plane, (), own, left_out)
        if self.part is None and len(part.classes) > len(self.listed):
            places = part.places
            members = sorted(filter(part.has, self.classes), key=lambda each: places[id(each)])
        else:
            members = [each for each in part.classes if self.has(each)]
        return ClientGroup(self.plane, [each for each in members if id(each) not in but])

    @property
    def classes(self) -> Iterator[ClientClass]:
        """The classes, one after the other."""
        if self.part is None:
            yield from self.listed
        elif not self.left_out:
            yield from self.part.classes
        else:
            parts = tuple(group.part for group in self.left_out if group.part is not None)
            classes = self.part.classes
            for place in range(self.part.start(parts), len(classes)):
                each = classes[place]
                if not self._leaves_out(each):
                    yield each
        for group in self.more:
            yield from group.classes

    def has(self, each: ClientClass) -> bool:
        """Whether a class is among them."""
        if self.part is None:
            if self._lists(each):
                return True
        elif self.part.has(each) and not self._leaves_out(each):
            return True
        return bool(self.more) and any(group.has(each) for group in self.more)

    def _lists(self, each: ClientClass) -> bool:
        if len(self.listed) < FEW:
            # Nothing is made for a few: most groups are never asked again.
            return any(own is each for own in self.listed)
        if self._ids is None:
            self._ids = frozenset(map(id, self.listed))
        return id(each) in self._ids

    def _leaves_out(self, each: ClientClass) -> bool:
        return bool(self.left_out) and any(group.has(each) for group in self.left_out)
