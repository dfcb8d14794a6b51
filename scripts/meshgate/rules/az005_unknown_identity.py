"""A policy of authorization asks for an identity that nothing here has.

What it checks
    Each whole value of `principals`, `namespaces`, `serviceAccounts` and `trustDomains`, of their
    `not` forms, and of `when` on `source.*`: the trust domain against `mesh.trustDomain` and its
    aliases, the namespace against the inventory, the account against the accounts of its
    workloads. The fix names the nearest that is there. Of a wildcard, the namespace is looked at
    where it stands whole (`…/ns/shop/*`).

    ```yaml
    rules:
      - from: [{source: {principals: [cluster.local/ns/shop/sa/wbe]}}]     # web
    ```

Why it matters
    An ALLOW by a misspelt identity lets nobody in, which somebody notices. A DENY by one denies
    nobody, and nobody notices; and who may create an account or namespace of the misspelt name
    gets what the rule says.

How to fix
    Correct the value, or add the Namespace or ServiceAccount to the inventory.

Known gaps
    Of namespaces without any workload in the inventory accounts are not decidable. Principals
    with wildcards elsewhere are not looked at. Trust domains of federated meshes
    (`caCertificates`) are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, structs

from meshgate.mesh.authorization import AuthorizationPolicy
from meshgate.mesh.authorization.policy_values import PolicyValue, policy_values
from meshgate.model import Severity
from meshgate.rules import known_identities, policy_places
from meshgate.rules.context import Context
from meshgate.rules.known_identities import KnownIdentities
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.wording.nearest import nearest

PARTS = 5
# What a principal may begin with whatever the mesh's own trust domain is called.
POINTER = "cluster.local"
_NAMESPACE = re.compile(r"/ns/([^/*]+)/")


class Unknown(Struct, frozen=True):
    """What is not there, what was probably meant, and whether that is certain."""

    what: str
    meant: str = ""
    decided: bool = True


def check(context: Context) -> Iterator[Violation]:
    known = known_identities.of(context)
    if known is None:
        return
    for policy in policy_places.policies(context):
        for value in policy_values(policy):
            unknown = judged(policy, value, known)
            if unknown is not None:
                yield Violation(
                    policy.resource,
                    value.path,
                    unknown.what
                    + (": " if unknown.decided else "; if it is not, ")
                    + _effect(value),
                    fix=f"write {unknown.meant}" if unknown.meant else RULE.fix,
                    decided=unknown.decided,
                )


def judged(
    policy: AuthorizationPolicy, value: PolicyValue, known: KnownIdentities
) -> Unknown | None:
    """What of a value is not there; None: all of it is, or it is no whole identity."""
    text = value.value
    match value.key:
        case "source.principal":
            return principal(text, known)
        case "source.namespace" if "*" not in text:
            return namespace(text, text, known)
        case "source.serviceAccount":
            own, slash, account = text.rpartition("/")
            place = own if slash else policy.namespace
            return namespace(text, place, known) or service_account(place, account, known)
        case "source.trustDomain" if "*" not in text and "/" not in text:
            return trust_domain(text, text, known)
        case _:
            return None


def principal(text: str, known: KnownIdentities) -> Unknown | None:
    """Of `TD/ns/NS/sa/SA`; with wildcards only the namespace."""
    if text.startswith("spiffe://"):
        return None
    if "*" in text:
        within = _NAMESPACE.search(text)
        return namespace(text, within[1], known) if within else None
    parts = text.split("/")
    if len(parts) != PARTS or (parts[1], parts[3]) != ("ns", "sa"):
        return Unknown(
            f"`{text}` is no identity: one is TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT", meant=""
        )
    domain, _, place, _, account = parts
    if domain != POINTER:
        foreign = trust_domain(text, domain, known)
        if foreign is not None:
            return foreign
    unknown = namespace(text, place, known) or service_account(place, account, known)
    if unknown is None or not unknown.meant:
        return unknown
    own, _, name = unknown.meant.partition("/")
    return structs.replace(unknown, meant=f"{domain}/ns/{own}/sa/{name or account}")


def trust_domain(text: str, domain: str, known: KnownIdentities) -> Unknown | None:
    """Of a trust domain; `text` is the value that it is a part of."""
    if domain in known.domains:
        return None
    meant = known.domains[0] + text[len(domain) :]
    return Unknown(f"no identity of this mesh has the trust domain `{domain}`", meant)


def namespace(text: str, name: str, known: KnownIdentities) -> Unknown | None:
    """Of a namespace; `text` is the value that it is a part of."""
    if name in known.namespaces:
        return None
    near = nearest(name, sorted(known.namespaces)) or ""
    meant = text.replace(name, near, 1) if near and text != name else near
    return Unknown(
        f"the inventory has no namespace `{name}`",
        meant if "*" in text or text == name else near,
        known.is_complete,
    )


def service_account(place: str, account: str, known: KnownIdentities) -> Unknown | None:
    """Of an account in a namespace that is there."""
    there = known.has_account(place, account)
    if there:
        return None
    if there is None:
        return Unknown(
            f"the inventory has no workload of {place}, so that the account `{account}` may be "
            "there or not",
            decided=False,
        )
    near = known.nearest_account(place, account)
    return Unknown(f"no workload of {place} has the account `{account}`", near)


def _effect(value: PolicyValue) -> str:
    return "it excludes nobody" if value.negated else "no client matches"


RULE = Rule(
    id="AZ005",
    name="unknown-identity",
    severity=Severity.ERROR,
    summary="A principal, account, namespace or trust domain that nothing here has.",
    fix="correct the value, or add the Namespace or ServiceAccount to the inventory",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"Gateway", "ServiceAccount"}),
    check=check,
)
