"""A rule for everybody that becomes a rule for a few.

What it checks
    DestinationRules without `workloadSelector` and with `exportTo: ["."]`, beside a rule with
    `workloadSelector` for the same host in the same namespace.

    ```yaml
    # boards/all, meant for every pod of boards
    spec: {host: userprofile, exportTo: ["."], trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
    ---
    # boards/scraper, for one of them
    spec: {host: userprofile, workloadSelector: {matchLabels: {app: scraper}}}
    ```

Why it matters
    A rule with a selector counts as exported to `.`, so istiod takes the two for a pair to merge,
    and merges the general one into the special one. Nothing of it stands on its own: pods that the
    selector does not match get no rule for the host at all, not even that of the root namespace.

How to fix
    Remove `exportTo` from the rule without selector. If it must stay private, write the name of its
    namespace instead of the dot: istiod compares the two letter by letter.

Known gaps
    None: the shapes alone decide.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import export_to
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.merge import merge
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import same_host
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for group in same_host.groups(context):
        for rule in group.rules:
            if rule.selector is not None or rule.export_to != {export_to.PRIVATE}:
                continue
            swallowers = swallowed_by(group, rule)
            if swallowers:
                yield swallowed(group.host, rule, swallowers)


def swallowed_by(group: same_host.SameHostRules, rule: DestinationRule) -> list[DestinationRule]:
    """The rules that take this one in, where some order of age leaves it nothing of its own."""
    pool = next((view.rules for view in group.views if view.namespace is None), ())
    for order in group.orders().orders:
        entries = merge(other for other in order if other in pool)
        if not any(entry.rules[0] is rule for entry in entries):
            heads = [entry.rules[0] for entry in entries if rule in entry.rules]
            return [head for head in heads if head.selector is not None]
    return []


def swallowed(host: str, rule: DestinationRule, by: list[DestinationRule]) -> Violation:
    """The finding on a rule that is gone."""
    everyone = any(not other.selector for other in by)
    rest = "" if everyone else ", and pods that it does not select get no rule for this host at all"
    return Violation(
        rule.resource,
        "spec.exportTo",
        f'exportTo ["."] makes {rule.name} a part of {by[0].name}, which has a workloadSelector '
        f"and the same host {host}: it no longer stands on its own{rest}",
        fix=f"remove exportTo from {rule.name}, or write its namespace there instead of the dot",
        related=tuple(
            RelatedResource(other.resource, "takes it in", "spec.workloadSelector") for other in by
        ),
    )


RULE = Rule(
    id="DR013",
    name="swallowed-by-selector",
    severity=Severity.ERROR,
    summary='A rule with exportTo ["."] is merged into one that selects some pods.',
    fix="remove exportTo from the rule without selector",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({dr.KIND}),
    check=check,
)
