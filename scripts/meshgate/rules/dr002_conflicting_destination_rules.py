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
    cannot tell: that is not decided. Where many rules have little in common, not every order is
    tried, but each rule once as the oldest and once as the newest. Rules made from Gateway API
    backend policies are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.mesh.merge import UNTRIED, Order
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import same_host
from meshgate.rules.context import Context
from meshgate.rules.merge_orders import Result, age, concerned, differing, lost_in, why
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.same_host import SameHostRules
from meshgate.rules.wording import listed
from meshgate.wording import agree

# So many results are named, beginning with that of today or of a fresh cluster.
SHOWN = 3


def check(context: Context) -> Iterator[Violation]:
    for group in same_host.groups(context):
        today, search = group.by_age(), group.orders()
        results = differing(group, [*([today] if today else []), *search.orders])
        if len(results) > 1:
            yield conflict(group, results)
        elif not search.is_complete:
            yield undecided(group)


def conflict(group: SameHostRules, results: Sequence[tuple[Order, Result]]) -> Violation:
    """The finding on one group, at the rule that loses first."""
    among = concerned(results)
    losers = [loss.rule for _, result in results for losses in result.values() for loss in losses]
    subject = next((rule for rule in losers if not rule.resource.foreign), losers[0])
    certain = any(result[view] for _, result in results for view in group.views if view.certain)
    names = listed(rule.name for rule in group.rules)
    more = len(results) - SHOWN
    return Violation(
        subject.resource,
        "spec.host",
        f"{names} have one host, {group.host}, and {why(group)}: "
        + "; ".join(lost_in(group, order, result, among) for order, result in results[:SHOWN])
        + (f"; {more} more {agree(more, 'result', 'results')}" if more > 0 else "")
        + age(group),
        fix=f"write one rule for {group.host} instead of {names}",
        related=tuple(
            RelatedResource(rule.resource, "has the same host", "spec.host")
            for rule in group.rules
            if rule is not subject
        ),
        decided=certain,
    )


def undecided(group: SameHostRules) -> Violation:
    """The finding on a group of which more orders are possible than were tried."""
    names = listed(rule.name for rule in group.rules)
    return Violation(
        group.rules[0].resource,
        "spec.host",
        f"{names} have one host, {group.host}: whether their age decides is not known, {UNTRIED}",
        fix=f"write one rule for {group.host} instead of {names}",
        decided=False,
    )


RULE = Rule(
    id="DR002",
    name="conflicting-destination-rules",
    severity=Severity.ERROR,
    summary="Several rules for one host, where their age decides what is lost.",
    fix="write one rule for the host",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({dr.KIND}),
    check=check,
)
