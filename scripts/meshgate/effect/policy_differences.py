"""Where two meshes' policies of authorization may say something else, and of whom.

The ports whose policies are not what they were, and one identity for each way in which the rules of
both sides may treat one. What they say of each is asked elsewhere; what is not named here, they
treat as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meshgate.effect.changes import ANY_PORT
from meshgate.mesh import Mesh, Workload
from meshgate.mesh.authorization import Chain
from meshgate.mesh.authorization.matchers import PortMatcher
from meshgate.mesh.authorization.rule_sets import RuleSet
from meshgate.mesh.authorization.strangers import (
    content,
    examples,
    holds,
    identity_entries,
    rules_of,
)
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.mesh.waypoints import Passage
from meshgate.model import Resource, ResourceRef


class PolicyDifferences:
    """What of the policies of two meshes differs; `changed` are those that are not what they were.

    Ports are asked for by number, ANY_PORT for every one that no file names.
    """

    def __init__(self, before: Mesh, after: Mesh, changed: Sequence[Resource]) -> None:
        self._before = before
        self._after = after
        self._changed = {each.ref: each for each in changed}
        self._is_same_mesh = before.authorization.settings == after.authorization.settings
        self._inventory = before.admissions.identities | after.admissions.identities
        self._namespaces = {identity.split("/")[2] for identity in self._inventory}
        self._identities: dict[tuple[int, int], Sequence[str]] = {}

    def ports(self, was: Workload, will: Workload) -> Iterator[int]:
        """The ports of a workload at which policies may say something else, ANY_PORT last."""
        declared = {*self._before.listening(was), *self._after.listening(will)}
        of_policies: set[int] = set()
        for number in (*sorted(declared), ANY_PORT):
            if self.deciding(was, will, number) is None:
                continue
            for chain in self._chains(was, will, number):
                of_policies.update(_named_ports(self._changed_rules(was, will, number, chain)))
            if number != ANY_PORT:
                yield number
        if of_policies or self.deciding(was, will, ANY_PORT) is not None:
            yield from sorted(of_policies - declared)
            yield ANY_PORT

    def deciding(self, was: Workload, will: Workload, number: int) -> tuple[Resource, ...] | None:
        """The policies of one port, those that change first; None: all that decides is the same."""
        old = self._before.admissions.deciding(was, number)
        new = self._after.admissions.deciding(will, number)
        if not old and not new:
            return None
        refs = [each.ref for each in old], [each.ref for each in new]
        if (
            self._is_same_mesh
            and refs[0] == refs[1]
            and not any(ref in self._changed for ref in refs[0])
            and self._place(self._before, was, number) == self._place(self._after, will, number)
        ):
            return None
        return self._changed_first((*new, *old))

    def deciding_at_waypoint(self, was: Passage, will: Passage) -> tuple[Resource, ...]:
        """The policies of the waypoint before a service, those that change first."""
        old = self._before.admissions.deciding_at_waypoint(was)
        new = self._after.admissions.deciding_at_waypoint(will)
        return self._changed_first((*new, *old))

    def _changed_first(self, policies: Iterable[Resource]) -> tuple[Resource, ...]:
        by_ref: dict[ResourceRef, Resource] = {each.ref: each for each in policies}
        return tuple(sorted(by_ref.values(), key=lambda each: each.ref not in self._changed))

    def _chains(self, was: Workload, will: Workload, number: int) -> tuple[Chain, ...]:
        """The filter chains of both sides."""
        old = self._before.admissions.chains(was, number)
        new = self._after.admissions.chains(will, number)
        return tuple(dict.fromkeys((*old, *new)))

    def _changed_rules(
        self, was: Workload, will: Workload, number: int, chain: Chain
    ) -> list[ProxyRule]:
        """The rules that only one side has."""
        sides = [
            {content(rule): rule for rule in rules_of(mesh.admissions.rules(each, number, chain))}
            for mesh, each in ((self._before, was), (self._after, will))
        ]
        return [{**sides[0], **sides[1]}[key] for key in sides[0].keys() ^ sides[1].keys()]

    @staticmethod
    def _place(mesh: Mesh, workload: Workload, number: int) -> object:
        """What else decides what policies say."""
        return mesh.admissions.chains(workload, number), workload.plane, workload.captures(number)

    def identities(self, was: Workload, will: Workload, number: int) -> Iterator[str]:
        """The identities that what changes at a port may treat otherwise than others.

        Raises TooManyIdentitiesError where there are too many to be asked one by one.
        """
        for chain in self._chains(was, will, number):
            old = self._before.admissions.rules(was, number, chain)
            new = self._after.admissions.rules(will, number, chain)
            key = id(old), id(new)
            if key not in self._identities:
                self._identities[key] = self._distinguishing(old, new)
            yield from self._identities[key]

    def identities_at_waypoint(self, was: Passage, will: Passage) -> Iterator[str]:
        """The same of the waypoint before a service; raises TooManyIdentitiesError."""
        old = self._before.admissions.waypoint_rules(was)
        new = self._after.admissions.waypoint_rules(will)
        for chain in {**old, **new}:
            yield from self._distinguishing(old.get(chain, RuleSet()), new.get(chain, RuleSet()))

    def _distinguishing(self, old: RuleSet, new: RuleSet) -> Sequence[str]:
        """One identity for each way in which the rules of both sides may treat one."""
        rules = {content(rule): rule for rule in (*rules_of(old), *rules_of(new))}
        both = [{content(rule) for rule in rules_of(each)} for each in (old, new)]
        changed = [
            entry for key in both[0] ^ both[1] for entry in identity_entries(rules[key]) if entry
        ]
        is_whole_change = old.is_closed is not new.is_closed
        if not changed and not is_whole_change:
            return ()
        entries = [entry for rule in rules.values() for entry in identity_entries(rule) if entry]
        identities = {
            identity: None
            for domains in (self._before.authorization.domains, self._after.authorization.domains)
            for identity in examples(rules.values(), domains)
            if is_whole_change or any(holds(entry, identity) for entry in changed)
        }
        by_signature: dict[tuple[object, ...], str] = {}
        for identity in identities:
            signature = tuple(holds(entry, identity) for entry in entries)
            # Clients of the inventory are reported one by one, so each of them is asked.
            own = identity if identity in self._inventory else ""
            # Of a namespace with clients these tell it, of another one nobody else does.
            is_inhabited = identity.split("/")[2] in self._namespaces
            by_signature.setdefault((own, is_inhabited, *signature), identity)
        return tuple(by_signature.values())


def _named_ports(rules: Iterable[ProxyRule]) -> Iterator[int]:
    """The ports that rules name."""
    for rule in rules:
        for entry in (*rule.operations, rule.conditions):
            for term in entry:
                for matcher in term.matchers:
                    if isinstance(matcher, PortMatcher):
                        yield matcher.number
