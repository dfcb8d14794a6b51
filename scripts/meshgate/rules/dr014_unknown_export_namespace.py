"""A rule, route or host that is exported to nowhere.

What it checks
    The namespaces that `exportTo` of a DestinationRule, VirtualService or ServiceEntry names,
    against those of the inventory and those in which some policy lives.

    ```yaml
    spec:
      host: userprofile.boards.svc.cluster.local
      exportTo: [".", "biling"]   # billing
    ```

Why it matters
    Clients of the namespace that was meant do not get the rule: they fall back to one of the root
    namespace, or to none, and nobody notices a missing TLS mode. Once somebody creates a namespace
    of the misspelt name, the rule starts to hold there. A VirtualService routes nothing for them,
    and the host of a ServiceEntry is one that their proxies do not know.

How to fix
    Correct the name, remove it, or add the Namespace to the inventory.

Known gaps
    Without a single Namespace object the inventory cannot be taken for complete, and the finding is
    not decided.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity, join_path
from meshgate.rules import destination_rule as dr
from meshgate.rules import inventory
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# Every namespace, the rule's own, none.
WORDS = frozenset({"*", ".", "~"})


def check(context: Context) -> Iterator[Violation]:
    known = inventory.of(context)
    if known is None:
        return
    complete = bool(known.mesh.namespaces)
    there = {context.environment.mesh.root_namespace, *known.namespaces}
    there.update(resource.namespace or "" for resource in context.resources.all)
    exported = [
        *((rule.resource, f"the rule for {rule.host}") for rule in dr.seen(context)),
        *((each, "the routes") for each in context.resources.of("VirtualService")),
        *((each, "its hosts") for each in context.resources.of("ServiceEntry")),
    ]
    for resource, what in exported:
        for i, name in enumerate(resource.spec.get("exportTo") or ()):
            if name not in WORDS and name not in there:
                yield Violation(
                    resource,
                    join_path("spec", "exportTo", i),
                    f"exportTo names {name}, and the inventory has no such namespace: no client "
                    f"gets {what} by this entry",
                    fix=f"correct or remove {name}, or add the Namespace to the inventory",
                    decided=complete,
                )


RULE = Rule(
    id="DR014",
    name="unknown-export-namespace",
    severity=Severity.ERROR,
    summary="exportTo names a namespace that is not there.",
    fix="correct or remove the name, or add the Namespace to the inventory",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({dr.KIND, "ServiceEntry", "VirtualService"}),
    check=check,
)
