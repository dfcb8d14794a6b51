"""DestinationRules of one namespace with one expanded host: what each order of age gives whom."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import Mesh, Tls, export_to, hosts, selectors
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.lookup import exported_entry, own_entry
from meshgate.mesh.merge import Entry, MergeOrders, Order, merge, merge_orders
from meshgate.mesh.selectors import Labels
from meshgate.model import JSONObject
from meshgate.rules import destination_rule as dr
from meshgate.rules.context import Context

# Of so many selectors every two are looked at, which a pod may match both.
MOST_PAIRED = 50

# Stands for the namespaces that no exportTo names.
ANY_OTHER = ""


class ClientView(Struct, frozen=True, eq=False):
    """Clients that no rule of the group tells apart."""

    clients: str
    rules: Order
    # The namespace they look from; None: the rules' own.
    namespace: str | None = None
    labels: Labels | None = None
    # False: whether such a pod exists is not known.
    certain: bool = True

    def counts(self, rule: DestinationRule) -> bool:
        """Whether a rule is meant for these clients."""
        if self.namespace is None:
            return rule.selector is None or selectors.matches(rule.selector, self.labels or {})
        return export_to.names(rule.export_to, self.namespace)

    def chosen(self, order: Iterable[DestinationRule]) -> Entry | None:
        """What these clients get."""
        entries = merge(rule for rule in order if rule in self.rules)
        if self.namespace is None:
            return own_entry(entries, self.labels or {})
        return exported_entry(entries, self.namespace)


class Loss(Struct, frozen=True):
    """Something that a rule states and that its clients do not get."""

    rule: DestinationRule
    what: str
    # The rule that decides instead; None: they get no rule at all.
    winner: DestinationRule | None


class SameHostRules(Struct, frozen=True):
    """The rules, by name, with the clients that see more than one of them."""

    host: str
    rules: Order
    views: tuple[ClientView, ...]

    def orders(self) -> MergeOrders:
        """Orders of age that give somebody something else; that of a fresh cluster first.

        Any age is possible for all rules: an object that is created anew is young again.
        """
        pools: list[Order] = list(dict.fromkeys(view.rules for view in self.views))
        unseen = [(rule,) for rule in self.rules if not any(rule in pool for pool in pools)]
        return merge_orders([*pools, *unseen], any_age=True, by_origin=True)

    def by_age(self) -> Order | None:
        """The order there is; None where it is not known."""
        if not all(rule.created for rule in self.rules):
            return None
        return tuple(
            sorted(self.rules, key=lambda rule: (rule.selector is None, rule.created, rule.name))
        )


def groups(context: Context) -> Iterator[SameHostRules]:
    """Every group of two and more, each once."""
    known: set[frozenset[int]] = set()
    for plane in dr.by_control_plane(context):
        by_host: dict[tuple[str, str], list[DestinationRule]] = {}
        for rule in plane.all.values():
            by_host.setdefault((rule.namespace, rule.host), []).append(rule)
        for (_, host), members in by_host.items():
            both = frozenset(id(rule.resource) for rule in members)
            if len(members) > 1 and both not in known:
                known.add(both)
                rules = tuple(sorted(members, key=lambda rule: rule.name))
                yield SameHostRules(host, rules, tuple(_views(host, rules, context)))


def losses(
    group: SameHostRules, order: Sequence[DestinationRule]
) -> dict[ClientView, tuple[Loss, ...]]:
    """What the rules lose in one order, by the clients that lose it."""
    return {view: tuple(_lost(view, view.chosen(order))) for view in group.views}


def _lost(view: ClientView, entry: Entry | None) -> Iterator[Loss]:
    merged = entry.rules if entry else []
    first = merged[0] if merged else None
    deciding = next((rule for rule in merged if _policy(rule) is not None), None)
    by_subset: dict[str, tuple[DestinationRule, JSONObject]] = {}
    for rule in merged:
        for name, subset in _subsets(rule):
            by_subset.setdefault(name, (rule, subset))
    for rule in view.rules:
        if not view.counts(rule):
            continue
        own = _policy(rule)
        if own is not None and (deciding is None or own != _policy(deciding)):
            yield Loss(rule, f"trafficPolicy ({_summary(own)})", deciding or first)
        for name, subset in _subsets(rule):
            winner, value = by_subset.get(name, (first, None))
            if value != subset:
                yield Loss(rule, f"subset {name}", winner)


def _policy(rule: DestinationRule) -> JSONObject | None:
    policy = rule.resource.spec.get("trafficPolicy")
    return policy if isinstance(policy, dict) else None


def _subsets(rule: DestinationRule) -> Iterator[tuple[str, JSONObject]]:
    for subset in rule.resource.spec.get("subsets") or ():
        yield str(subset.get("name")), subset


def _summary(policy: JSONObject) -> str:
    """The parts of a policy that a reader looks for."""
    tls = policy.get("tls")
    parts = [f"tls {tls.get('mode') or Tls.DISABLE}"] if isinstance(tls, dict) else []
    for entry in policy.get("portLevelSettings") or ():
        mode = (entry.get("tls") or {}).get("mode")
        number = (entry.get("port") or {}).get("number")
        parts.append(f"port {number}" + (f" {mode}" if mode else ""))
    parts += [key for key in policy if key not in {"tls", "portLevelSettings"}]
    return ", ".join(parts)


def _views(host: str, rules: Order, context: Context) -> Iterator[ClientView]:
    facts = context.environment.mesh
    namespace = rules[0].namespace
    default = facts.default_destination_rule_export_to
    own = tuple(rule for rule in rules if rule.is_local)
    exported = tuple(rule for rule in rules if not rule.is_private(default))
    if namespace == facts.root_namespace:
        own = tuple(rule for rule in rules if rule.is_private(default))
    elif hosts.service_namespace(host, facts.cluster_domain) not in (None, namespace):
        exported = ()  # nobody else looks here for this host
    yield from _own_views(namespace, own, context.mesh)
    named = {name for rule in exported for name in rule.export_to}
    named -= {export_to.PUBLIC, export_to.PRIVATE, namespace}
    for name in sorted(named):
        yield ClientView(f"clients of {name}", exported, name)
    yield ClientView("clients of other namespaces", exported, ANY_OTHER)


def _own_views(place: str, rules: Order, mesh: Mesh | None) -> Iterator[ClientView]:
    known = mesh if mesh is not None and mesh.knows(place) else None
    chosen = [rule.selector for rule in rules if rule.selector is not None]
    if not chosen:
        yield ClientView(f"clients of {place}", rules)
        return
    yield ClientView(f"other pods of {place}", rules, labels={})
    certain = list({tuple(sorted(labels.items())): labels for labels in chosen if labels}.values())
    for labels in certain:
        yield ClientView(_pods(place, labels), rules, labels=labels)
    for one, other in itertools.combinations(certain[:MOST_PAIRED], 2):
        both = {**one, **other}
        if both in (one, other) or not selectors.matches(one, both):
            continue
        # With an inventory, only pods that there are count.
        if known is None or known.selected(place, both):
            yield ClientView(_pods(place, both), rules, labels=both, certain=known is not None)


def _pods(place: str, labels: Labels) -> str:
    return f"pods of {place} with " + ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
