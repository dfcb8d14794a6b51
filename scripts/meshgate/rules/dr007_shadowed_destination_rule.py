"""A rule that some clients never see, because a wider one stands in their way.

What it checks
    For every service, the rules that cover its host. A client takes the first namespace that has
    one: its own, the service's, the root namespace. A less specific rule in an earlier namespace
    hides a more specific one in a later namespace; and a rule that is exported only to some
    namespaces hides the wider one beside it from all others.

    ```yaml
    # boards/own
    spec: {host: "*.local", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
    ---
    # istio-system/boards-db: clients in boards never get here
    spec: {host: boards-db.boards.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}
    ```

Why it matters
    The namespace beats the specificity of the host. One wildcard in an application's namespace
    takes every exact rule of every other namespace away from its clients: the exceptions for the
    database and the API server, subsets that routes need, limits.

How to fix
    Remove or narrow the wildcard, or repeat the exact rule beside it.

Known gaps
    A hidden rule that says the same as the one that hides it is left alone. What a Sidecar
    resource keeps a client from seeing is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import hosts
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.shadowing import Shadow, shadows
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    by_hidden: dict[int, list[Shadow]] = {}
    for shadow in shadows(known):
        by_hidden.setdefault(id(shadow.hidden), []).append(shadow)
    for group in by_hidden.values():
        yield shadowed(group)


def shadowed(group: list[Shadow]) -> Violation:
    """The finding on one hidden rule."""
    hidden = group[0].hidden
    hiding = sorted({shadow.hiding for shadow in group}, key=str)
    managed = [rule for rule in (hidden, *hiding) if not rule.resource.foreign]
    subject = managed[0] if managed else hidden
    clients = listed(sorted({shadow.clients for shadow in group}))
    covered = listed(sorted({shadow.service.host for shadow in group}))
    names = listed(f"{rule} ({rule.host})" for rule in hiding)
    return Violation(
        subject.resource,
        "spec.host",
        f"clients of {clients} do not get {hidden} ({hidden.host}) for {covered}: they find "
        f"{names} first, and istiod looks no further",
        fix=f"remove or narrow {listed(map(str, hiding))}, or repeat {hidden} in its namespace",
        related=tuple(
            RelatedResource(
                rule.resource, "is hidden" if rule is hidden else why(rule, hidden), "spec.host"
            )
            for rule in (hidden, *hiding)
            if rule is not subject
        ),
        key=str(hidden),
    )


def why(hiding: DestinationRule, hidden: DestinationRule) -> str:
    """What the hiding rule is like, against the hidden one."""
    if hosts.is_subset(hidden.host, hiding.host):
        return "is less specific, but found first"
    return f"is exported only to {listed(sorted(hiding.export_to))}, but found first by all"


RULE = Rule(
    id="DR007",
    name="shadowed-destination-rule",
    severity=Severity.ERROR,
    summary="A less specific rule in an earlier namespace hides this one from some clients.",
    fix="remove or narrow the wider rule, or repeat this one in its namespace",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND}),
    check=check,
)
