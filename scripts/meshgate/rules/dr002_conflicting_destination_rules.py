"""Several rules for one host, and their age tells what they do.

What it checks
    DestinationRules of one namespace whose hosts are the same once short names are completed. For
    each order of age the merge is done as istiod does it, for each kind of client that can see
    more than one of them. Where two orders give two results, the finding tells what each loses.

    ```yaml
    # boards/limits
    spec: {host: userprofile, trafficPolicy: {connectionPool: {tcp: {maxConnections: 10}}}}
    ---
    # boards/mtls: the same host, and two policies cannot both stand
    spec: {host: userprofile.boards.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
    ```

Why it matters
    Rules with the same `exportTo` are merged into the oldest: of two policies the oldest one's
    stands alone, field by field nothing is combined; of two subsets with one name the older stays.
    Rules with different `exportTo` (absent, `["*"]` and `["."]` are three different ones) are not
    merged, and there the newest wins outright. Of two selectors that match one pod the older wins.
    Files carry no age, and a recreated object is young again: what holds today is luck.

How to fix
    Write one rule for the host, or keep the parts apart: the same `exportTo`, at most one
    `trafficPolicy` on top, and subsets with different names.

Known gaps
    Two selectors with different keys meet only on a pod that carries both, which policies alone
    cannot tell: that is not decided. Of more than four rules not every order is tried, but each
    rule once as the oldest and once as the newest. Rules made from Gateway API backend policies
    are not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import same_host
from meshgate.rules.rule import RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from meshgate.mesh import destination_rules
    from meshgate.rules.context import Context
    from meshgate.rules.same_host import Group, Loss, View

# So many results are told, beginning with that of today or of a fresh cluster.
SHOWN = 3
# Longer orders are told by their ends.
LONGEST = 4

Order: TypeAlias = "Sequence[destination_rules.Rule]"
Result: TypeAlias = "Mapping[View, Sequence[Loss]]"


def check(context: Context) -> Iterator[Violation]:
    for group in same_host.groups(context):
        today = group.by_age()
        results = differing(group, [*([today] if today else []), *group.orders()])
        if len(results) > 1:
            yield conflict(group, results)


def differing(group: Group, orders: Iterable[Order]) -> list[tuple[Order, Result]]:
    """One order for each different result, without what every order loses."""
    found = [(order, same_host.losses(group, order)) for order in orders]
    always = {
        view: set.intersection(*(set(result[view]) for _, result in found)) for view in group.views
    }
    distinct: dict[tuple[Sequence[Loss], ...], tuple[Order, Result]] = {}
    for order, result in found:
        lost = {
            view: tuple(loss for loss in losses if loss not in always[view])
            for view, losses in result.items()
        }
        distinct.setdefault(tuple(lost.values()), (order, lost))
    return list(distinct.values())


def conflict(group: Group, results: Sequence[tuple[Order, Result]]) -> Violation:
    """The finding on one group, at the rule that loses first."""
    losers = [loss.rule for _, result in results for losses in result.values() for loss in losses]
    subject = next((rule for rule in losers if not rule.resource.foreign), losers[0])
    certain = any(result[view] for _, result in results for view in group.views if view.certain)
    names = listed(rule.name for rule in group.rules)
    more = len(results) - SHOWN
    return Violation(
        subject.resource,
        "spec.host",
        f"{names} have one host, {group.host}, and {why(group)}: "
        + "; ".join(told(group, order, result) for order, result in results[:SHOWN])
        + (f"; {more} more results" if more > 0 else "")
        + age(group),
        fix=f"write one rule for {group.host} instead of {names}",
        related=tuple(
            RelatedResource(rule.resource, "has the same host", "spec.host")
            for rule in group.rules
            if rule is not subject
        ),
        decided=certain,
    )


def why(group: Group) -> str:
    """What decides between the rules."""
    selectors = [rule.selector for rule in group.rules if rule.selector is not None]
    if any(selector != selectors[0] for selector in selectors):
        return "the older one wins for a pod that two select"
    exports = sorted({" ".join(sorted(rule.export_to)) or "absent" for rule in group.rules})
    if len(exports) > 1:
        return f"their exportTo differs ({', '.join(exports)}), which decides what is merged"
    return "they are merged into the oldest"


def told(group: Group, order: Order, result: Result) -> str:
    """What one order loses."""
    if len(order) == len("ab"):
        when = f"if {order[0].name} is older"
    elif len(order) <= LONGEST:
        when = "if the order of age is " + ", ".join(rule.name for rule in order)
    else:
        when = f"if {order[0].name} is the oldest and {order[-1].name} the newest"
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


def age(group: Group) -> str:
    """Which order holds, as far as the files tell."""
    today = group.by_age()
    if today is None:
        return f"; in one sync the name decides, and {group.rules[0].name} counts as the oldest"
    return f"; today {today[0].name} is the oldest, until it is created anew"


RULE = Rule(
    id="DR002",
    name="conflicting-destination-rules",
    severity=Severity.ERROR,
    summary="Several rules for one host, where their age decides what is lost.",
    fix="write one rule for the host",
    needs="P",
    kinds=frozenset({dr.KIND}),
    check=check,
)
