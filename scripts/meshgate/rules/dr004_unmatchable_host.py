"""A host that no service can ever have.

What it checks
    The host of each DestinationRule, for spellings that pass Istio's validation and match nothing:
    one that stops at `.svc`, one that ends in a dot, one with upper-case letters; with an
    inventory also one that stops at the name of a known namespace.

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
    has the shape of `github.com`: without an inventory nobody can tell them apart. A host that a
    ServiceEntry at hand spells the same way is left alone, and one beyond the cluster domain whose
    ServiceEntry is not at hand is not decidable.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import hosts
from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.call_repairs import CAUTION
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.spelling import Spelling


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    spelling = Spelling(context)
    for rule in dr.seen(context):
        flaw = spelling.flaw(rule)
        if flaw is not None:
            yield Violation(
                rule.resource,
                "spec.host",
                f"host {rule.resource.spec.get('host')} {flaw.reason}: it matches no service, and "
                "the rule does nothing",
                fix=f"write {flaw.meant}{CAUTION}",
                decided=hosts.is_in_cluster(flaw.meant, facts.cluster_domain),
            )


RULE = Rule(
    id="DR004",
    name="unmatchable-host",
    severity=Severity.ERROR,
    summary="The host is spelt in a way that no service's name can have.",
    fix="write the full name with the cluster domain, in lower case, without a dot at the end",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({dr.KIND, "ServiceEntry"}),
    check=check,
)
