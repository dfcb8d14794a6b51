"""What each order of age of some rules for one host loses, and how it is worded."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TypeAlias

from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.merge import Order
from meshgate.rules import same_host
from meshgate.rules.same_host import ClientView, Loss, SameHostRules

# Longer orders are named by their ends.
LONGEST = 4

Result: TypeAlias = Mapping[ClientView, Sequence[Loss]]


def differing(group: SameHostRules, orders: Iterable[Order]) -> list[tuple[Order, Result]]:
    """One order for each different result, without what every order loses."""
    results = [(order, same_host.losses(group, order)) for order in orders]
    always = {
        view: set.intersection(*(set(result[view]) for _, result in results))
        for view in group.views
    }
    distinct: dict[tuple[Sequence[Loss], ...], tuple[Order, Result]] = {}
    for order, result in results:
        lost = {
            view: tuple(loss for loss in losses if loss not in always[view])
            for view, losses in result.items()
        }
        distinct.setdefault(tuple(lost.values()), (order, lost))
    return list(distinct.values())


def concerned(results: Iterable[tuple[Order, Result]]) -> set[DestinationRule]:
    """The rules that lose something, or decide instead, in some of these orders."""
    losses = [loss for _, result in results for lost in result.values() for loss in lost]
    return {rule for loss in losses for rule in (loss.rule, loss.winner) if rule is not None}


def why(group: SameHostRules) -> str:
    """What decides between the rules."""
    selectors = [rule.selector for rule in group.rules if rule.selector is not None]
    if any(selector != selectors[0] for selector in selectors):
        return "the older one wins for a pod that two select"
    exports = sorted({" ".join(sorted(rule.export_to)) or "absent" for rule in group.rules})
    if len(exports) > 1:
        return f"their exportTo differs ({', '.join(exports)}), which decides what is merged"
    return "they are merged into the oldest"


def lost_in(
    group: SameHostRules, order: Order, result: Result, concerned: Container[DestinationRule]
) -> str:
    """What one order loses; `concerned` are the rules that lose or win in some order."""
    if len(order) == len("ab"):
        when = f"if {order[0].name} is older"
    elif len(order) <= LONGEST:
        when = "if the order of age is " + ", ".join(rule.name for rule in order)
    else:
        rules = [rule for rule in order if rule in concerned]
        if len(rules) <= LONGEST:
            when = "if " + " is older than ".join(rule.name for rule in rules)
        else:
            when = f"if {rules[0].name} is the oldest and {rules[-1].name} the newest"
    clients: dict[Sequence[Loss], list[str]] = {}
    for view, losses in result.items():
        if losses:
            clients.setdefault(losses, []).append(view.clients)
    parts = [
        words(losses) + (f" for {' and '.join(who)}" if len(who) < len(group.views) else "")
        for losses, who in clients.items()
    ]
    return f"{when}, " + (", ".join(parts) or "nothing is lost")


def words(losses: Sequence[Loss]) -> str:
    """The losses, rule by rule, with the winner."""
    lost: dict[tuple[str, str], list[str]] = {}
    for loss in losses:
        winner = f" to {loss.winner.name}" if loss.winner else ""
        lost.setdefault((loss.rule.name, winner), []).append(loss.what)
    return " and ".join(
        f"{name} loses {' and '.join(what)}{winner}" for (name, winner), what in lost.items()
    )


def age(group: SameHostRules) -> str:
    """Which order holds, as far as the files tell."""
    today = group.by_age()
    if today is None:
        return f"; in one sync the name decides, and {group.rules[0].name} counts as the oldest"
    return f"; today {today[0].name} is the oldest, until it is created anew"
