"""A change that gives a workload its first ALLOW policy, or takes the last one from it.

What it checks
    Each workload with a proxy or ztunnel that is there before and after: whether an enforced ALLOW
    policy applies to it on one side only. The first one closes the workload to all whom it does
    not name; without the last one everybody gets in whom no DENY names.

    ```yaml
    # deleted, as the only ALLOW policy of the workload
    kind: AuthorizationPolicy
    metadata: {name: web-reads, namespace: shop}
    ```

Why it matters
    A policy that is added or deleted looks like a matter of those whom it names. The first and the
    last one of a workload decide on everybody else, too, on every port.

How to fix
    Before the last one goes, add a policy without rules (`spec: {}`), which keeps the default.
    Before the first one comes, name all who call: `meshgate diff` tells whom it denies.

Known gaps
    Workloads that are new, or join the mesh by this change, are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import Closure
from meshgate.model import ResourceRef, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

SHOWN = 3
KEEP = "add a policy with `spec: {}` before the last one goes"
NAME = "name all who call, or take them from `meshgate diff`"


def check(context: Context) -> Iterator[Violation]:
    effect = context.effect
    if effect is None:
        return
    groups: dict[tuple[bool, ResourceRef], list[Closure]] = {}
    for each in effect.closures:
        groups.setdefault((each.closes, each.policies[0].ref), []).append(each)
    for (closes, _), members in groups.items():
        policy = members[0].policies[0]
        names = listed(str(each.workload) for each in members)
        one = len(members) == 1
        yield Violation(
            policy,
            "spec",
            f"the first ALLOW policy of {names}: everybody whom no ALLOW names is denied now"
            if closes
            else f"the last ALLOW policy of {names} is gone: "
            f"{'it is' if one else 'they are'} open to everybody whom no DENY names",
            fix=NAME if closes else KEEP,
            related=tuple(
                RelatedResource(
                    each.workload.resource, "is closed now" if closes else "is open now"
                )
                for each in members[:SHOWN]
            ),
            key="first" if closes else "last",
        )


RULE = Rule(
    id="TR007",
    name="first-or-last-allow",
    severity=Severity.WARNING,
    summary="A workload gets its first ALLOW policy, or loses its last one.",
    fix=KEEP,
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
