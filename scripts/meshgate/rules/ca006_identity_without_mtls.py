"""An AuthorizationPolicy asks for an identity that plaintext does not carry.

What it checks
    AuthorizationPolicies with `principals`, `namespaces`, `serviceAccounts` (or their `not` forms),
    or a `when` on `source.principal` or `source.namespace`, against each port of the workloads they
    apply to: the port must not accept plaintext.

    ```yaml
    kind: AuthorizationPolicy
    spec:
      selector: {matchLabels: {app: boards}}
      action: DENY
      rules: [{from: [{source: {namespaces: [guests]}}]}]   # and boards is PERMISSIVE
    ```

Why it matters
    A plaintext request has no identity. ALLOW turns such callers away although they are meant;
    DENY lets everybody in who leaves out TLS: the policy is walked around.

How to fix
    Make the port STRICT before identities decide on it.

Known gaps
    Policies that name a Gateway or Service by `targetRefs` are not decidable here. `to` is looked
    at for its ports only.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Mesh, Workload
from meshgate.model import JSONObject, Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

IDENTITIES = (
    "principals",
    "notPrincipals",
    "namespaces",
    "notNamespaces",
    "serviceAccounts",
    "notServiceAccounts",
)
CONDITIONS = frozenset({"source.principal", "source.namespace", "source.serviceAccount"})
OPEN = frozenset({"PERMISSIVE", "DISABLE"})


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for policy in context.resources.of("AuthorizationPolicy"):
        asks = [rule for rule in policy.spec.get("rules") or () if needs_identity(rule)]
        if not asks:
            continue
        if "targetRef" in policy.spec or "targetRefs" in policy.spec:
            yield Violation(
                policy,
                "spec.targetRefs" if "targetRefs" in policy.spec else "spec.targetRef",
                "whether plaintext reaches what this policy protects cannot be told from a "
                "target reference",
                decided=False,
            )
            continue
        opened = {
            f"{workload}:{port}": workload
            for workload in protected(mesh, policy)
            for port in mesh.ports(workload)
            if any(applies_to(rule, port) for rule in asks) and is_open(mesh, workload, port)
        }
        if opened:
            yield Violation(
                policy,
                "spec.rules",
                f"asks for an identity, and {listed(opened)} accepts plaintext, which has none: "
                + consequence(policy),
                related=tuple(
                    RelatedResource(workload.resource, "accepts plaintext")
                    for workload in list(dict.fromkeys(opened.values()))[:3]
                ),
            )


def needs_identity(rule: JSONObject) -> bool:
    """Whether a rule looks at who the caller is by certificate."""
    sources = [(each or {}).get("source") or {} for each in rule.get("from") or ()]
    return any(source.get(field) for source in sources for field in IDENTITIES) or any(
        condition.get("key") in CONDITIONS for condition in rule.get("when") or ()
    )


def applies_to(rule: JSONObject, port: int) -> bool:
    """Whether a rule may apply to requests on a port."""
    operations = [(each or {}).get("operation") or {} for each in rule.get("to") or ()]
    return not operations or any(
        not operation.get("ports") or str(port) in operation["ports"] for operation in operations
    )


def protected(mesh: Mesh, policy: Resource) -> list[Workload]:
    """The workloads with a sidecar that a policy applies to; from the root namespace: all."""
    labels = (policy.spec.get("selector") or {}).get("matchLabels") or {}
    root = policy.namespace == mesh.facts.root_namespace
    namespaces = mesh.namespaces if root else [policy.namespace or ""]
    return [
        workload
        for namespace in namespaces
        for workload in mesh.selected(namespace, labels)
        if workload.has_sidecar
    ]


def is_open(mesh: Mesh, workload: Workload, port: int) -> bool:
    """Whether a captured port takes plaintext."""
    mode = mesh.mode_at(workload, port)
    return mode.captured and mode.mode is not None and mode.mode.value in OPEN


def consequence(policy: Resource) -> str:
    """What a caller without identity gets."""
    if policy.spec.get("action") == "DENY":
        return "a caller that leaves out TLS walks around this DENY"
    return "a caller without a certificate is turned away, or matched by a `not` field"


RULE = Rule(
    id="CA006",
    name="identity-without-mtls",
    severity=Severity.ERROR,
    summary="An AuthorizationPolicy needs an identity on a port that accepts plaintext.",
    fix="make the port STRICT before identities decide on it",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
