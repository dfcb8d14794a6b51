"""Which DestinationRule applies: the three places where Istio looks, and what each one holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.mesh import DataPlane
from meshgate.report.story.told import Chapter, Line
from meshgate.report.view import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshgate.mesh.destination_rules import Group, Pool, Rule
    from meshgate.mesh.merge import Entry
    from meshgate.model import Position
    from meshgate.report.story.told import Case

TITLE = "Which DestinationRule applies"
LAW = (
    "Istio asks three places, and the first one with a rule for the host decides: the namespace of "
    "the client, of the service, and the root namespace. A wildcard in an earlier place beats an "
    "exact host in a later one; rules of two hosts are never merged."
)


def which_rule(case: Case) -> Chapter:
    """What the client finds in each place, what decides, and what that hides."""
    client, policy = case.client, case.policy
    if client.plane not in {DataPlane.SIDECAR, DataPlane.GATEWAY}:
        return Chapter(TITLE, (Line("None: only a sidecar or a gateway reads DestinationRules."),))
    if policy.discovery is None:
        return Chapter(TITLE, (Line(f"None: {policy.reason or 'its proxy is bypassed'}."),))
    return Chapter(TITLE, (Line(LAW), *Search(case).lines()))


class Search:
    """One lookup, place by place (PushContext.destinationRule)."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.host = case.service.host
        self.seen: set[int] = set()

    def lines(self) -> Iterator[Line]:
        """What every place holds, then the rules that stand where nobody looks."""
        answered = False
        for number, (name, pool, asks_everybody) in enumerate(self.places(), 1):
            title = f"{number}. {name}"
            groups = list(pool.covering(self.host)) if pool is not None else []
            if not groups:
                yield Line(f"{title}: no rule for this host.")
            elif answered:
                yield Line(f"{title}: not asked any more.")
                yield from self.hidden(groups, "an earlier place has answered")
            else:
                entry = self.answer(groups[0], everybody=asks_everybody)
                answered = asks_everybody or entry is not None
                yield from self.told(title, groups, entry, answered=answered)
        if self.case.policy.entry is None and not self.case.policy.alternatives:
            yield Line("So no rule applies.")
        yield from self.elsewhere()

    def places(self) -> Iterator[tuple[str, Pool | None, bool]]:
        """Where Istio looks: name, rules, and whether they need not be exported to the client."""
        rules = self.case.view.mesh.rules
        client, service = self.case.client.namespace, self.case.service.namespace
        if client == rules.root:
            yield (
                f"Private rules of {client}, the client's and the root namespace",
                rules.root_private,
                True,
            )
        elif client == service:
            yield f"Namespace {client}, of client and service", rules.local.get(client), True
        else:
            yield f"Namespace {client}, of the client", rules.local.get(client), True
        if service not in {client, rules.root}:
            yield f"Namespace {service}, of the service", rules.exported.get(service), False
        yield f"Root namespace {rules.root}", rules.exported.get(rules.root), False

    def answer(self, group: Group, *, everybody: bool) -> Entry | None:
        """The merged rule of this group that the client gets, on a fresh cluster."""
        decided = self.case.policy.entry
        if decided is not None and any(decided.rules[0] is rule for rule in group.rules):
            return decided
        if everybody:
            return None
        seen = [entry for entry in group.orders[0] if entry.seen_from(self.case.client.namespace)]
        return seen[-1] if seen else None

    def told(
        self, title: str, groups: Sequence[Group], entry: Entry | None, *, answered: bool
    ) -> Iterator[Line]:
        """A place that has rules for the host."""
        group, *wider = groups
        if entry is not None:
            yield Line(
                f"{title}: {self.named(entry.rules[0])} decides.",
                self.at(entry.rules[0]),
                "decides",
            )
            yield from self.merged(entry)
            others = [rule for rule in group.rules if rule not in entry.rules]
            yield from self.rivals(others)
        elif answered:
            yield Line(
                f"{title}: only rules whose workloadSelector leaves this client out, which ends "
                "the search all the same."
            )
            yield from self.rivals(group.rules)
        else:
            yield Line(
                f"{title}: nothing that is exported to {self.case.client.namespace}; the search "
                "goes on."
            )
            for rule in group.rules:
                yield self.passed(rule, "not exported to the client's namespace")
        yield from self.hidden(wider, f"wider than {group.host}")

    def merged(self, entry: Entry) -> Iterator[Line]:
        """The further rules of the same host that were merged into the deciding one."""
        self.seen.update(id(rule) for rule in entry.rules)
        for rule in entry.rules[1:]:
            used = rule.policy is not None and rule.policy is entry.policy
            what = (
                "its trafficPolicy counts, since the older ones have none"
                if used
                else "only its new subsets count, its trafficPolicy does not"
            )
            yield Line(f"   merged with {self.named(rule)}: {what}.", self.at(rule))

    def rivals(self, rules: Sequence[Rule]) -> Iterator[Line]:
        """Rules of the very same host and place that lose."""
        for rule in rules:
            if rule.selector is not None:
                why = "its workloadSelector leaves this client out"
            else:
                why = "its exportTo differs, and the newest of such rules replaces the others"
            yield self.passed(rule, why)

    def hidden(self, groups: Sequence[Group], why: str) -> Iterator[Line]:
        for group in groups:
            for rule in group.rules:
                yield self.passed(rule, why)

    def elsewhere(self) -> Iterator[Line]:
        """Rules for the very host in a namespace that is none of the three."""
        for rule in self.case.view.mesh.rules.all.values():
            if rule.host == self.host and id(rule) not in self.seen:
                yield self.passed(rule, f"in {rule.namespace} this client does not find it")

    def passed(self, rule: Rule, why: str) -> Line:
        """A rule that would match and does not count."""
        self.seen.add(id(rule))
        return Line(f"   hidden: {self.named(rule)}: {why}.", self.at(rule), "hidden")

    def named(self, rule: Rule) -> str:
        return f"{owner(rule.resource)} (host {rule.host})"

    def at(self, rule: Rule) -> Position | None:
        return self.case.view.locate(rule.resource, "spec.host")
