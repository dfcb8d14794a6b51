"""A CUSTOM policy whose authorizer is not asked.

What it checks
    Enforced CUSTOM policies: the provider they name against `mesh.extensionProviders`; workloads
    that CUSTOM policies of two providers apply to; and providers for HTTP on TCP ports. In the
    first two cases Envoy denies all that the rules match and asks nobody, in the third nobody is
    asked and everything passes.

    ```yaml
    action: CUSTOM
    provider: {name: opa-ext-authz}       # MeshConfig knows opa
    rules: [{}]                           # everything is denied
    ```

Why it matters
    The workload is down with 403, or guarded by an authorizer that never sees a request.

How to fix
    Name the provider as MeshConfig has it, and declare it in `mesh.extensionProviders` with its
    kind.

Known gaps
    Whether the authorizer answers, and what, is not known. With
    PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS several providers are asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane
from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.attributes import Chain
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree
from meshgate.wording.nearest import nearest


def check(context: Context) -> Iterator[Violation]:
    known = {each.name: each.kind for each in context.environment.mesh.extension_providers}
    places = policy_places.of(context)
    for policy in policy_places.enforced(context):
        if policy.action is not Action.CUSTOM:
            continue
        if policy.provider not in known:
            near = nearest(policy.provider, known)
            yield Violation(
                policy.resource,
                "spec.provider.name",
                f"`mesh.extensionProviders` has no provider `{policy.provider}`: where MeshConfig "
                "has none either, all that the rules match is denied",
                fix=f"write {near}" if near else "declare it in mesh.extensionProviders",
            )
        elif places is not None:
            others = dict.fromkeys(
                other.provider
                for place in places.of(policy)
                for other in place.policies
                if other.action is Action.CUSTOM and not other.dry_run
                if other.provider != policy.provider
            )
            if others:
                yield Violation(
                    policy.resource,
                    "spec.provider.name",
                    f"another policy of the same workload asks {listed(others)}: with two "
                    "providers none is asked, and all that their rules match is denied",
                    fix="let one provider judge the workload",
                )
            elif known[policy.provider] == "http":
                yield from _unasked(places, policy)


def _unasked(places: PolicyPlaces, policy: AuthorizationPolicy) -> Iterator[Violation]:
    """TCP ports, for which an authorizer of HTTP is not asked."""
    tcp = [
        f"{workload}:{port}"
        for workload, port in places.ports(policy)
        if workload.plane is DataPlane.SIDECAR and places.chains(workload, port) == (Chain.TCP,)
    ]
    if tcp:
        yield Violation(
            policy.resource,
            "spec.provider.name",
            f"{policy.provider} is an authorizer of HTTP, and {listed(tcp)} "
            f"{agree(len(tcp), 'is', 'are')} TCP: there it is not asked, and everything passes",
            fix="let a DENY or ALLOW policy judge these ports, or a provider of gRPC",
            key="tcp",
        )


RULE = Rule(
    id="AZ015",
    name="custom-without-authorizer",
    severity=Severity.ERROR,
    summary="A CUSTOM policy names an authorizer that is not there or is not asked.",
    fix="name the provider as MeshConfig has it, and declare it in mesh.extensionProviders",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
