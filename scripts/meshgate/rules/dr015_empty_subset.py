"""A subset that divides nothing.

What it checks
    Subsets of DestinationRules without labels.

    ```yaml
    spec:
      host: userprofile.boards.svc.cluster.local
      subsets:
        - name: v1   # no labels: every endpoint, v2 too
    ```

Why it matters
    A subset without labels holds every endpoint of the host. A route to `v1` then reaches all
    versions, and a canary's share means nothing.

How to fix
    Write the labels that the pods of this subset carry. If the subset is only a name for other
    settings, keep it and waive the finding.

Known gaps
    A rule for a gateway (a host whose name ends in `gateway`) is left alone: a subset there is a
    usual way to give each outside host its own settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.model import Severity, join_path
from meshgate.rules import destination_rule as dr
from meshgate.rules.rule import Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.rules.context import Context


def check(context: Context) -> Iterator[Violation]:
    for rule in dr.seen(context):
        if is_gateway(rule.host):
            continue
        for i, subset in enumerate(rule.resource.spec.get("subsets") or ()):
            if not subset.get("labels"):
                yield Violation(
                    rule.resource,
                    join_path("spec", "subsets", i, "name"),
                    f"subset {subset.get('name')} has no labels: "
                    f"it holds every endpoint of {rule.host}",
                    severity=Severity.INFO,
                )


def is_gateway(host: str) -> bool:
    """Whether the host is named as gateways are."""
    return host.partition(".")[0].endswith("gateway")


RULE = Rule(
    id="DR015",
    name="empty-subset",
    severity=Severity.WARNING,
    summary="A subset without labels, or whose labels select no pod.",
    fix="write the labels that the pods of the subset carry",
    needs="P (R)",
    kinds=frozenset({dr.KIND}),
    check=check,
)
