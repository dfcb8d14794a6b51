"""An AuthorizationPolicy asks for an identity that plaintext does not carry.

What it checks
    AuthorizationPolicies with `principals`, `namespaces`, `serviceAccounts` or `trustDomains` (or
    their `not` forms), or a `when` on `source.principal` and its like, against each port of the
    workloads they apply to that accepts plaintext. Without mutual TLS every positive form is false
    and every `not` form is true, so that the polarity of a rule decides:

    | Rule | asks for an identity | asks for what an identity is not |
    |---|---|---|
    | DENY | plaintext walks around it: error | plaintext is denied, too: info |
    | ALLOW | plaintext is kept out: info | plaintext gets in: error |

    ```yaml
    kind: AuthorizationPolicy
    spec:
      selector: {matchLabels: {app: boards}}
      action: DENY
      rules: [{from: [{source: {namespaces: [guests]}}]}]   # and boards is PERMISSIVE
    ```

Why it matters
    A plaintext request has no identity. A DENY by identity lets everybody in who leaves out TLS,
    and an ALLOW of everybody but some lets in those, too, in plaintext.

How to fix
    Make the port STRICT before identities decide on it. An info needs no repair: it says whom the
    policy keeps out beside those it names.

    A DENY of `notPrincipals: ["*"]` means exactly who has no identity, and is no finding.

Known gaps
    Policies that name a Gateway or Service by `targetRefs` are not decidable here. `to` is looked
    at for its ports only; CUSTOM and AUDIT are left out, since they let nobody in.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.mesh import Mesh, Workload
from meshgate.model import JSONObject, Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree

IDENTITIES = ("principals", "namespaces", "serviceAccounts", "trustDomains")
NEGATED = ("notPrincipals", "notNamespaces", "notServiceAccounts", "notTrustDomains")
CONDITIONS = frozenset(
    {"source.principal", "source.namespace", "source.serviceAccount", "source.trustDomain"}
)
OPEN = frozenset({"PERMISSIVE", "DISABLE"})
FIX = "make the port STRICT before identities decide on it"


class AskedIdentity(Struct, frozen=True):
    """What some rules of a policy mean for a caller without a certificate."""

    severity: Severity
    consequence: str
    fix: str


# By action, and by whether plaintext may match the rule: all it asks is what an identity is not.
MEANINGS = {
    ("DENY", False): AskedIdentity(
        Severity.ERROR, "a caller that leaves out TLS walks around this DENY", FIX
    ),
    ("DENY", True): AskedIdentity(
        Severity.INFO,
        "every caller without a certificate is denied, wherever it comes from",
        "nothing, if only callers with a certificate are meant to get in",
    ),
    ("ALLOW", False): AskedIdentity(
        Severity.INFO,
        "no caller without a certificate gets in by it",
        "nothing, if only callers with a certificate are meant to get in",
    ),
    ("ALLOW", True): AskedIdentity(
        Severity.ERROR, "a caller that leaves out TLS is let in, whoever it is", FIX
    ),
}


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None:
        return
    for policy in context.resources.of("AuthorizationPolicy"):
        asks = [rule for rule in policy.spec.get("rules") or () if polarities(rule)]
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
        action = str(policy.spec.get("action") or "ALLOW")
        for passes in (False, True):
            rules = [
                rule
                for rule in asks
                if passes in polarities(rule) and not (action == "DENY" and is_for_strangers(rule))
            ]
            meaning = MEANINGS.get((action, passes))
            if rules and meaning is not None:
                yield from opened_by(mesh, policy, rules, meaning)


def opened_by(
    mesh: Mesh, policy: Resource, rules: list[JSONObject], meaning: AskedIdentity
) -> Iterator[Violation]:
    """One finding on the ports that take plaintext and that some rules of a policy apply to."""
    opened = {
        f"{workload}:{port}": workload
        for workload in protected(mesh, policy)
        for port in mesh.ports(workload)
        if any(applies_to(rule, port) for rule in rules) and is_open(mesh, workload, port)
    }
    if opened:
        accept = agree(len(opened), "accepts", "accept")
        yield Violation(
            policy,
            "spec.rules",
            f"asks for an identity, and {listed(opened)} {accept} plaintext, which has none: "
            + meaning.consequence,
            fix=meaning.fix,
            related=tuple(
                RelatedResource(workload.resource, "accepts plaintext")
                for workload in list(dict.fromkeys(opened.values()))[:3]
            ),
            severity=meaning.severity,
            key="" if meaning.severity is Severity.ERROR else meaning.consequence,
        )


def is_for_strangers(rule: JSONObject) -> bool:
    """Whether a rule means exactly the requests without identity: `notPrincipals: ["*"]`."""
    sources = [(each or {}).get("source") or {} for each in rule.get("from") or ()]
    return bool(sources) and all(source.get("notPrincipals") == ["*"] for source in sources)


def polarities(rule: JSONObject) -> set[bool]:
    """Whether a request without identity may match what a rule asks of one, source by source.

    Positive forms are false for it, `not` forms true (authorization/builder of Istio). One entry of
    `from` is enough, every condition of `when` must hold. Empty: it asks for no identity.
    """
    conditions = [each for each in rule.get("when") or () if each.get("key") in CONDITIONS]
    if any(each.get("values") for each in conditions):
        return {False}
    signs: set[bool] = set()
    entries: list[JSONObject] = rule.get("from") or [{}]
    for entry in entries:
        source = (entry or {}).get("source") or {}
        if any(source.get(field) for field in IDENTITIES):
            signs.add(False)
        elif conditions or any(source.get(field) for field in NEGATED):
            signs.add(True)
    return signs


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


RULE = Rule(
    id="CA006",
    name="identity-without-mtls",
    severity=Severity.ERROR,
    summary="An AuthorizationPolicy needs an identity on a port that accepts plaintext.",
    fix=FIX,
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
