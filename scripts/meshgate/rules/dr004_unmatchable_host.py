"""A host that no service can ever have.

What it checks
    The host of each DestinationRule, for spellings that pass Istio's validation and match nothing:
    one that stops at `.svc`, one that ends in a dot, one with upper-case letters.

    ```yaml
    spec:
      host: userprofile.boards.svc   # not userprofile.boards.svc.cluster.local
    ```

Why it matters
    Istio completes a host only if it has no dot at all. Anything else is compared letter by letter
    with the full names of services. The rule is accepted, shown by every tool, and does nothing:
    the TLS mode, the subsets and the limits it promises are not there.

How to fix
    Write the full name with the cluster domain, in lower case and without a dot at the end.

Known gaps
    A misspelt full name looks like any other; DR005 knows the services. `service.namespace`
    has the shape of `github.com`: only an inventory tells them apart. A host that a ServiceEntry
    at hand spells the same way is left alone, and one beyond the cluster domain whose ServiceEntry
    is not at hand is not decidable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.outside import ServiceEntryHosts
from meshgate.rules.rule import Rule, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import MeshFacts
    from meshgate.rules.context import Context


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    entries = ServiceEntryHosts(context)
    for rule in dr.seen(context):
        written = str(rule.resource.spec.get("host") or "")
        if (reason := flaw(written)) is None or entries.has(rule.host):
            continue
        right = repaired(written, facts)
        yield Violation(
            rule.resource,
            "spec.host",
            f"host {written} {reason}: it matches no service, and the rule does nothing",
            fix=f"write {right}",
            decided=dr.is_in_cluster(right, facts),
        )


def flaw(host: str) -> str | None:
    """What keeps a host from matching; None: nothing that its spelling shows."""
    if host != "*." and host.endswith("."):
        return "ends in a dot, which no service's name does"
    if host != host.lower():
        return "has upper-case letters, which no service's name has"
    if host.endswith(".svc"):
        return "stops at .svc, and Istio completes only names without a dot"
    return None


def repaired(host: str, facts: MeshFacts) -> str:
    """The host as it was probably meant."""
    host = host.rstrip(".").lower()
    return f"{host}.{facts.cluster_domain}" if host.endswith(".svc") else host


RULE = Rule(
    id="DR004",
    name="unmatchable-host",
    severity=Severity.ERROR,
    summary="The host is spelt in a way that no service's name can have.",
    fix="write the full name with the cluster domain, in lower case, without a dot at the end",
    needs="P (R)",
    kinds=frozenset({dr.KIND, "ServiceEntry"}),
    check=check,
)
