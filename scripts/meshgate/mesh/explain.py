"""One call as a trace: every rule that was looked at, what became of it, and what decided."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import export_to, selectors
from meshgate.mesh.delivery import Delivery
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.destination_rules import DestinationRules, Group
from meshgate.mesh.lookup import Choice, HostRules
from meshgate.mesh.merge import Entry
from meshgate.mesh.policy import ClientPolicy
from meshgate.mesh.servers import ServerMode
from meshgate.mesh.services import Service
from meshgate.mesh.terms import Place
from meshgate.mesh.workloads import Workload
from meshgate.model import JSON, Resource, join_path


class Fate(enum.StrEnum):
    """What became of a DestinationRule whose host covers the service."""

    # Its settings are those the client uses.
    WINS = "wins"
    # Merged into the winning one; its unknown subsets count, its policy only if that had none.
    MERGED = "merged"
    # Same host and place, not merged, and a later one took its place.
    REPLACED = "replaced"
    # Its workloadSelector does not select the client.
    SELECTOR = "selector"
    # Merged into rules that this client does not get, and gone with them.
    SWALLOWED = "swallowed"
    # A more specific host of the same namespace is looked at instead.
    LESS_SPECIFIC = "less-specific"
    # An earlier place answered.
    HIDDEN = "hidden"
    # Its exportTo does not name the client's namespace.
    NOT_EXPORTED = "not-exported"
    # Neither client, service nor root namespace: never looked at.
    OFF_PATH = "off-path"


class Step(Struct, frozen=True):
    """One DestinationRule of the lookup. `by`: the rule that beats it."""

    place: Place
    rule: Resource
    host: str
    fate: Fate
    by: Resource | None = None


class TlsSource(Struct, frozen=True):
    """Where a rule speaks of TLS for a port and subset; `stated` False: by leaving `tls` out."""

    rule: Resource
    path: str
    stated: bool


class Landing(Struct, frozen=True, eq=False):
    """One endpoint of an explained call: what it enforces, and what becomes of the bytes."""

    delivery: Delivery
    # None: an address outside the inventory.
    server: ServerMode | None


class Explanation(Struct, frozen=True, eq=False):
    """One client, one service port, step by step."""

    client: Workload
    policy: ClientPolicy
    # In the order of the lookup: client, service and root namespace, then those off the path.
    lookup: tuple[Step, ...]
    tls: TlsSource | None
    landings: tuple[Landing, ...]


_ORDER = (Place.CLIENT, Place.SERVICE, Place.ROOT, Place.NOWHERE)


def steps(
    rules: DestinationRules,
    host_rules: HostRules,
    choice: Choice,
    client: Workload,
    service: Service,
) -> tuple[Step, ...]:
    """What became of every rule that covers the service's host, for one client."""
    lookup = _Lookup(rules, host_rules, choice, client, service)
    listed = [lookup.step(rule) for rule in rules.covering(service.host)]
    return tuple(sorted(listed, key=lambda step: (_ORDER.index(step.place), -_weight(step))))


def _weight(step: Step) -> int:
    return len(step.host) + (0 if step.host.startswith("*") else 1000)


class _Lookup:
    """The lookup of one client for one service, asked about rule after rule."""

    def __init__(
        self,
        rules: DestinationRules,
        host_rules: HostRules,
        choice: Choice,
        client: Workload,
        service: Service,
    ) -> None:
        self.root = rules.root
        self.default = rules.default_export_to
        self.client = client
        self.service = service
        self.choice = choice
        self.groups = {
            Place.CLIENT: host_rules.root_private
            if client.namespace == self.root
            else host_rules.local.get(client.namespace),
            Place.SERVICE: host_rules.service,
            Place.ROOT: host_rules.root,
        }

    def step(self, rule: DestinationRule) -> Step:
        """The fate of one rule."""
        place = self._place(rule)
        fate, by = self._fate(rule, place)
        return Step(place, rule.resource, rule.host, fate, by)

    def _place(self, rule: DestinationRule) -> Place:
        own = rule.namespace == self.client.namespace
        private = rule.is_private(self.default)
        if own and (private if rule.namespace == self.root else rule.is_local):
            return Place.CLIENT
        if rule.namespace == self.service.namespace:
            return Place.SERVICE
        if rule.namespace == self.root:
            return Place.ROOT
        return Place.CLIENT if own else Place.NOWHERE

    def _fate(self, rule: DestinationRule, place: Place) -> tuple[Fate, Resource | None]:
        entry = self.choice.entry
        if entry is not None and rule in entry.rules:
            first = entry.rules[0]
            return (Fate.WINS, None) if first is rule else (Fate.MERGED, first.resource)
        if place is Place.NOWHERE:
            return Fate.OFF_PATH, None
        group = self.groups[place]
        if group is None or not self._seen(rule, place):
            return Fate.NOT_EXPORTED, None
        if _ORDER.index(place) > _ORDER.index(self.choice.place):
            return Fate.HIDDEN, self._winner()
        if rule not in group.rules:
            own = place is self.choice.place
            return Fate.LESS_SPECIFIC, self._winner() if own else _oldest(group)
        return self._in_group(rule, group.orders[0], place)

    def _in_group(
        self, rule: DestinationRule, entries: Sequence[Entry], place: Place
    ) -> tuple[Fate, Resource | None]:
        """A rule of the host that was looked at, and still not what the client uses."""
        if rule.selector is not None and not selectors.matches(rule.selector, self.client.labels):
            return Fate.SELECTOR, None
        holders = [entry for entry in entries if rule in entry.rules]
        if any(self._applies(entry, place) for entry in holders):
            return Fate.REPLACED, self._winner()
        return Fate.SWALLOWED, holders[0].rules[0].resource if holders else None

    def _applies(self, entry: Entry, place: Place) -> bool:
        if place is not Place.CLIENT:
            return entry.seen_from(self.client.namespace)
        return entry.selector is None or selectors.matches(entry.selector, self.client.labels)

    def _seen(self, rule: DestinationRule, place: Place) -> bool:
        if place is Place.CLIENT:
            return rule.is_local
        if rule.is_private(self.default):
            return False
        return export_to.names(rule.export_to, self.client.namespace)

    def _winner(self) -> Resource | None:
        if self.choice.entry is not None:
            return self.choice.entry.rules[0].resource
        return _oldest(self.choice.group) if self.choice.group is not None else None


def _oldest(group: Group) -> Resource:
    return group.orders[0][0].rules[0].resource


def tls_source(entry: Entry | None, port: int, subset: str | None) -> TlsSource | None:
    """Where the deciding rule states TLS, or leaves it out; None: it has no policy to say so."""
    if entry is None:
        return None
    last = None
    for source, is_final in (*_subset_places(entry, port, subset), *_top_places(entry, port)):
        last = source
        if source.stated or is_final:
            break
    return last


def _top_places(entry: Entry, port: int) -> Iterator[tuple[TlsSource, bool]]:
    for rule in entry.rules:
        if rule.policy is entry.policy and rule.policy is not None:
            policy = rule.resource.spec.get("trafficPolicy")
            yield from _places(rule.resource, policy, ("spec", "trafficPolicy"), port)
            return


def _subset_places(entry: Entry, port: int, subset: str | None) -> Iterator[tuple[TlsSource, bool]]:
    for rule in entry.rules:
        for number, item in enumerate(rule.subsets):
            if item.name == subset:
                policy = rule.resource.spec["subsets"][number].get("trafficPolicy")
                path = ("spec", "subsets", number, "trafficPolicy")
                yield from _places(rule.resource, policy, path, port)
                return


def _places(
    rule: Resource, policy: JSON, path: tuple[str | int, ...], port: int
) -> Iterator[tuple[TlsSource, bool]]:
    """The entry for the port, which ends the search, else the policy's own `tls`."""
    if not isinstance(policy, dict):
        return
    for number, item in enumerate(policy.get("portLevelSettings") or ()):
        if isinstance(item, dict) and (item.get("port") or {}).get("number") == port:
            place = join_path(*path, "portLevelSettings", number, "tls")
            yield TlsSource(rule, place, isinstance(item.get("tls"), dict)), True
            return
    yield TlsSource(rule, join_path(*path, "tls"), isinstance(policy.get("tls"), dict)), False
