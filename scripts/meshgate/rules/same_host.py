"""DestinationRules of one namespace with one expanded host: what each order of age gives whom."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meshgate.mesh import Mesh, destination_rule, destination_rules, selectors
from meshgate.mesh.destination_rule import Rule
from meshgate.mesh.merge import Entry, merge
from meshgate.mesh.selectors import Labels
from meshgate.model import JSONObject
from meshgate.rules import destination_rule as dr
from meshgate.rules.age import identity
from meshgate.rules.context import Context

# Up to so many rules every order is tried; of more, each one first and each one last.
MOST_PERMUTED = 4
MOST_MOVED = 50

# Stands for the namespaces that no exportTo names.
ANY_OTHER = ""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Clients that no rule of the group tells apart."""

    clients: str
    rules: tuple[Rule, ...]
    # The namespace they look from; None: the rules' own.
    namespace: str | None = None
    labels: Labels | None = None
    # False: whether such a pod exists is not known.
    certain: bool = True

    def counts(self, rule: Rule) -> bool:
        """Whether a rule is meant for these clients."""
        if self.namespace is None:
            return rule.selector is None or selectors.matches(rule.selector, self.labels or {})
        return not rule.export_to or bool(
            rule.export_to & {destination_rule.PUBLIC, self.namespace}
        )

    def chosen(self, order: Iterable[Rule]) -> Entry | None:
        """What these clients get (SidecarScope.DestinationRule).

        The first merged rule that selects them, or else the last one without selector.
        """
        found = None
        for entry in merge(rule for rule in order if rule in self.rules):
            if entry.selector is None:
                if self.namespace is None or entry.seen_from(self.namespace):
                    found = entry
            elif selectors.matches(entry.selector, self.labels or {}):
                return entry
        return found


class Loss(NamedTuple):
    """Something that a rule states and that its clients do not get."""

    rule: Rule
    what: str
    # The rule that decides instead; None: they get no rule at all.
    winner: Rule | None


@dataclass(frozen=True, slots=True)
class Group:
    """The rules, by name, with the clients that see more than one of them."""

    host: str
    rules: tuple[Rule, ...]
    views: tuple[View, ...]

    def orders(self) -> Iterator[tuple[Rule, ...]]:
        """Orders of age that may differ in what they give; that of a fresh cluster first."""
        selecting = [rule for rule in self.rules if rule.selector is not None]
        others = [rule for rule in self.rules if rule.selector is None]
        for first, second in itertools.product(_orders(selecting), _orders(others)):
            yield (*first, *second)

    def by_age(self) -> tuple[Rule, ...] | None:
        """The order there is; None where it is not known."""
        if not all(rule.created for rule in self.rules):
            return None
        return tuple(
            sorted(self.rules, key=lambda rule: (rule.selector is None, rule.created, rule.name))
        )


def groups(context: Context) -> Iterator[Group]:
    """Every group of two and more, each once."""
    facts = context.environment.mesh
    told: set[frozenset[int]] = set()
    for plane in dr.planes(context):
        by_host: dict[tuple[str, str], list[dr.DestinationRule]] = {}
        for rule in plane:
            by_host.setdefault((rule.namespace, rule.host), []).append(rule)
        for (_, host), given in by_host.items():
            if len(given) == 1:
                continue
            # One object given twice, as two files may do, is no rival of itself.
            members = list({identity(rule.resource): rule for rule in given}.values())
            both = frozenset(id(rule.resource) for rule in members)
            if len(members) > 1 and both not in told:
                told.add(both)
                rules = tuple(
                    destination_rules.read(rule.resource, rule.created, facts.cluster_domain)
                    for rule in sorted(members, key=lambda rule: rule.resource.name)
                )
                yield Group(host, rules, tuple(_views(host, rules, context)))


def losses(group: Group, order: Sequence[Rule]) -> dict[View, tuple[Loss, ...]]:
    """What the rules lose in one order, by the clients that lose it."""
    return {view: tuple(_lost(view, view.chosen(order))) for view in group.views}


def _lost(view: View, entry: Entry | None) -> Iterator[Loss]:
    merged = entry.rules if entry else []
    first = merged[0] if merged else None
    deciding = next((rule for rule in merged if _policy(rule) is not None), None)
    kept: dict[str, tuple[Rule, JSONObject]] = {}
    for rule in merged:
        for name, subset in _subsets(rule):
            kept.setdefault(name, (rule, subset))
    for rule in view.rules:
        if not view.counts(rule):
            continue
        own = _policy(rule)
        if own is not None and (deciding is None or own != _policy(deciding)):
            yield Loss(rule, f"trafficPolicy ({_summary(own)})", deciding or first)
        for name, subset in _subsets(rule):
            winner, value = kept.get(name, (first, None))
            if value != subset:
                yield Loss(rule, f"subset {name}", winner)


def _policy(rule: Rule) -> JSONObject | None:
    policy = rule.resource.spec.get("trafficPolicy")
    return policy if isinstance(policy, dict) else None


def _subsets(rule: Rule) -> Iterator[tuple[str, JSONObject]]:
    for subset in rule.resource.spec.get("subsets") or ():
        yield str(subset.get("name")), subset


def _summary(policy: JSONObject) -> str:
    """The parts of a policy that a reader looks for."""
    tls = policy.get("tls")
    parts = [f"tls {tls.get('mode') or dr.DISABLE}"] if isinstance(tls, dict) else []
    for entry in policy.get("portLevelSettings") or ():
        mode = (entry.get("tls") or {}).get("mode")
        number = (entry.get("port") or {}).get("number")
        parts.append(f"port {number}" + (f" {mode}" if mode else ""))
    parts += [key for key in policy if key not in {"tls", "portLevelSettings"}]
    return ", ".join(parts)


def _views(host: str, rules: tuple[Rule, ...], context: Context) -> Iterator[View]:
    facts = context.environment.mesh
    namespace = rules[0].namespace
    default = facts.default_destination_rule_export_to
    own = tuple(rule for rule in rules if rule.is_local)
    exported = tuple(rule for rule in rules if not rule.is_private(default))
    if namespace == facts.root_namespace:
        own = tuple(rule for rule in rules if rule.is_private(default))
    elif dr.service_namespace(host, facts) not in (None, namespace):
        exported = ()  # nobody else looks here for this host
    yield from _own_views(rules[0].resource.namespace, own, context.mesh)
    named = {name for rule in exported for name in rule.export_to}
    named -= {destination_rule.PUBLIC, destination_rule.PRIVATE, namespace}
    for name in sorted(named):
        yield View(f"clients of {name}", exported, name)
    yield View("clients of other namespaces", exported, ANY_OTHER)


def _own_views(namespace: str | None, rules: tuple[Rule, ...], mesh: Mesh | None) -> Iterator[View]:
    place = namespace or "their own namespace"
    known = mesh if mesh is not None and namespace and mesh.knows(namespace) else None
    chosen = [rule.selector for rule in rules if rule.selector is not None]
    if not chosen:
        yield View(f"clients of {place}", rules)
        return
    yield View(f"other pods of {place}", rules, labels={})
    certain = list({tuple(sorted(labels.items())): labels for labels in chosen if labels}.values())
    for labels in certain:
        yield View(_pods(place, labels), rules, labels=labels)
    for one, other in itertools.combinations(certain[:MOST_MOVED], 2):
        both = {**one, **other}
        if both in (one, other) or not selectors.matches(one, both):
            continue
        # With an inventory, only pods that there are count.
        if known is None or known.selected(place, both):
            yield View(_pods(place, both), rules, labels=both, certain=known is not None)


def _pods(place: str, labels: Labels) -> str:
    return f"pods of {place} with " + ",".join(f"{k}={v}" for k, v in sorted(labels.items()))


def _orders(rules: Sequence[Rule]) -> Iterator[tuple[Rule, ...]]:
    if len(rules) <= MOST_PERMUTED:
        yield from itertools.permutations(rules)
        return
    yield tuple(rules)
    yield tuple(reversed(rules))
    for rule in rules[:MOST_MOVED]:
        rest = [other for other in rules if other is not rule]
        yield (rule, *rest)
        yield (*rest, rule)
