"""A principal that is not taken for the mesh's other trust domains.

What it checks
    Principals whose trust domain is that of the mesh, one of its aliases or `cluster.local`, in
    another form than `TD/ns/NS/sa/SA` (each part may have a `*`): only in this form istiod replaces
    the trust domain by those of the mesh. Reported where that makes a difference: where the mesh
    has aliases, or is not called `cluster.local` and the principal says so. At ztunnel nothing is
    replaced at all, so that there the form does not help.

    ```yaml
    # mesh.trustDomain: corp.example, trustDomainAliases: [old.example]
    principals: [old.example/ns/shop/*]          # clients of corp.example are not meant
    ```

Why it matters
    During a change of the trust domain such an ALLOW denies the clients that have moved, and such a
    DENY lets them pass.

How to fix
    Write all five parts.

Known gaps
    Principals that begin with `*` mean every trust domain and are none of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.mesh import DataPlane
from meshgate.mesh.authorization.policy_values import policy_values
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

POINTER = "cluster.local"
PARTS = 5
# Everybody of one namespace, in four parts.
_OF_NAMESPACE = re.compile(r"ns/([^/*]+)/\*")


def check(context: Context) -> Iterator[Violation]:
    domains = policy_places.authorization(context).domains.names
    if domains == (POINTER,):
        return
    places = policy_places.of(context)
    for policy in policy_places.policies(context):
        planes = (
            {each.plane for place in places.of(policy) for each in place.workloads}
            if places is not None
            else set()
        )
        values = [each for each in policy_values(policy) if each.key == "source.principal"]
        for value in values:
            domain, slash, rest = value.value.partition("/")
            if not slash or domain not in (*domains, POINTER):
                continue
            is_replaced = value.value.count("/") == PARTS - 1 and planes != {DataPlane.AMBIENT}
            beside = {
                each.value
                for each in values
                if (each.rule, each.negated) == (value.rule, value.negated)
            }
            others = [
                other for other in domains if other != domain and f"{other}/{rest}" not in beside
            ]
            if is_replaced or not others or (domain != POINTER and len(domains) == 1):
                continue
            yield Violation(
                policy.resource,
                value.path,
                f"`{value.value}` does not mean {listed(f'{each}/{rest}' for each in others)}: "
                + (
                    "ztunnel replaces no trust domain"
                    if planes == {DataPlane.AMBIENT}
                    else "trust domains are replaced in TD/ns/NS/sa/SA only"
                ),
                fix=_fix(domain, rest, others, planes),
            )


def _fix(domain: str, rest: str, others: list[str], planes: set[DataPlane]) -> str:
    """All five parts, where they mean the same; else the other trust domains."""
    whole = _OF_NAMESPACE.fullmatch(rest)
    if whole and planes != {DataPlane.AMBIENT}:
        return f"write {domain}/ns/{whole[1]}/sa/*"
    return f"list {listed(f'{each}/{rest}' for each in others)} beside it"


RULE = Rule(
    id="AZ014",
    name="alias-dependent-identity",
    severity=Severity.WARNING,
    summary="A principal in a form in which trust domain aliases do not count.",
    fix="write all five parts: TD/ns/NS/sa/SA",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
