"""Which DestinationRules a client gets for a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from meshgate.mesh import export_to, selectors
from meshgate.mesh.destination_rules import DestinationRules, Group
from meshgate.mesh.merge import Entry
from meshgate.mesh.selectors import Labels
from meshgate.mesh.services import Service
from meshgate.mesh.terms import Place


class Choice(Struct, frozen=True):
    """What a lookup ends in.

    `entry` None: no rule, though `place` may have answered with one whose selector leaves this
    client out. `is_open`: rules without creationTimestamp that were looked at on the way have more
    possible orders than were tried, so that clients may get another entry that no choice names.
    """

    place: Place
    group: Group | None
    entry: Entry | None
    is_open: bool = False


NOTHING = Choice(Place.NOWHERE, None, None)


class HostRules:
    """The rules of one service, from every place where some client may find them."""

    __slots__ = (
        "_by_namespace",
        "_generic",
        "local",
        "root",
        "root_name",
        "root_private",
        "service",
    )

    def __init__(self, rules: DestinationRules, service: Service) -> None:
        host = service.host
        self.root_name = rules.root
        # The most specific rule of each client namespace that has one for the host.
        self.local: dict[str, Group] = {}
        for groups in rules.everywhere.covering(host):
            for group in groups:
                self.local.setdefault(group.namespace, group)
        # Clients of the root namespace do not look among their own rules, save the private ones.
        self.local.pop(rules.root, None)
        self.root_private = rules.root_private.most_specific(host)
        exported = rules.exported.get(service.namespace)
        self.service = exported.most_specific(host) if exported else None
        exported = rules.exported.get(rules.root)
        self.root = exported.most_specific(host) if exported else None
        self._generic: tuple[Choice, ...] | None = None
        # The answers for namespaces of which no rule asks for labels.
        self._by_namespace: dict[str, tuple[Choice, ...]] = {}

    @property
    def special(self) -> set[str]:
        """The client namespaces whose answer may differ from everybody else's."""
        namespaces = set(self.local)
        if self.root_private is not None:
            namespaces.add(self.root_name)
        for group in (self.service, self.root):
            if group is not None:
                for rule in group.rules:
                    namespaces.update(rule.export_to)
        return namespaces - {export_to.PUBLIC, export_to.PRIVATE}

    def generic(self) -> tuple[Choice, ...]:
        """The answer for clients of a namespace that no rule names."""
        if self._generic is None:
            self._generic = tuple(_distinct(self._exported("")))
        return self._generic

    def choices(self, namespace: str, own: Labels) -> tuple[Choice, ...]:
        """The answers for a client of the namespace with these labels.

        The sources are PushContext.destinationRule and SidecarScope.DestinationRule.
        More than one only where the order of rules without creationTimestamp decides; the first
        is that of a fresh cluster.
        """
        known = self._by_namespace.get(namespace)
        if known is not None:
            return known
        group = self.root_private if namespace == self.root_name else self.local.get(namespace)
        if group is None:
            known = tuple(_distinct(self._exported(namespace)))
        else:
            choices = (
                Choice(Place.CLIENT, group, own_entry(entries, own), group.is_order_open)
                for entries in group.orders
            )
            known = tuple(_distinct(choices))
        if group is None or all(rule.selector is None for rule in group.rules):
            self._by_namespace[namespace] = known
        return known

    def _exported(self, namespace: str) -> Iterator[Choice]:
        places = ((Place.SERVICE, self.service), (Place.ROOT, self.root))
        yield from self._among(namespace, places, is_open=False)

    def _among(
        self, namespace: str, places: Sequence[tuple[Place, Group | None]], *, is_open: bool
    ) -> Iterator[Choice]:
        """A place answers only if some rule of its most specific host is exported to the client."""
        if not places:
            yield structs.replace(NOTHING, is_open=is_open)
            return
        (place, group), *rest = places
        if group is None:
            yield from self._among(namespace, rest, is_open=is_open)
            return
        is_open = is_open or group.is_order_open
        for entries in group.orders:
            seen = exported_entry(entries, namespace)
            if seen is not None:
                yield Choice(place, group, seen, is_open)
            else:
                yield from self._among(namespace, rest, is_open=is_open)


def own_entry(entries: Sequence[Entry], own: Labels) -> Entry | None:
    """What a pod gets of the rules of its own namespace (SidecarScope.DestinationRule).

    The first entry whose selector matches its labels, else the last without selector.
    """
    last = None
    for entry in entries:
        if entry.selector is None:
            last = entry
        elif selectors.matches(entry.selector, own):
            return entry
    return last


def exported_entry(entries: Sequence[Entry], namespace: str) -> Entry | None:
    """What clients of a namespace get of the rules that are exported from another.

    Such rules have no selector; the last that they see wins.
    """
    return next((entry for entry in reversed(entries) if entry.seen_from(namespace)), None)


def _distinct(choices: Iterator[Choice]) -> Iterator[Choice]:
    seen = set()
    for choice in choices:
        meaning = choice.entry.meaning if choice.entry is not None else None
        key = choice.place, meaning, choice.is_open
        if key not in seen:
            seen.add(key)
            yield choice
