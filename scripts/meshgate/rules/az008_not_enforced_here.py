"""A policy of authorization that nothing enforces where it is meant to be, or only in part.

What it checks
    - at ztunnel, which judges connections only: ALLOW rules with fields of HTTP, which are dropped
      and let nobody in; DENY rules of which such fields are the whole, which deny nothing, or a
      part, which then deny by the rest; CUSTOM and AUDIT; `trustDomains`, which are lost; and
      `selector: {}`, which attaches to no workload there;
    - `targetRefs` to a Service, ServiceEntry or Gateway behind which no waypoint or gateway of the
      Gateway API stands: a policy with them never applies to a sidecar;
    - `targetRefs` to a Service whose waypoint some clients go around, as all do that are not
      ambient: a warning;
    - a selector for waypoints, which take policies by `targetRefs` only;
    - a RequestAuthentication for workloads at ztunnel, which verifies no token;
    - a selector all of whose workloads have neither sidecar nor ztunnel.

    ```yaml
    # in an ambient namespace
    action: DENY
    rules:
      - to: [{operation: {methods: [DELETE]}}]      # denies nothing: ztunnel sees no methods
    ```

Why it matters
    istiod accepts the policy and says nothing, or that it is stricter than it is. A DENY that no
    proxy reads is a hole with a sign on it.

How to fix
    In ambient mode, give the Service a waypoint (`istio.io/use-waypoint`) and attach the policy to
    it by `targetRefs`; ask ztunnel for identities, addresses and ports. For sidecars, select the
    pods by `spec.selector`.

Known gaps
    What a policy does at a waypoint of which files do not tell everything is not decidable.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Workload
from meshgate.mesh.authorization import Action, AuthorizationPolicy
from meshgate.mesh.authorization.policies import PolicyRule, positive_field, request_authentication
from meshgate.mesh.authorization.terms import ProxyRule
from meshgate.mesh.authorization.ztunnel_rules import unjudged_fields, ztunnel_rules
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.policy_places import PolicyPlaces, rule_path, selected_by
from meshgate.rules.policy_targets import PolicyTargets
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree

WAYPOINT = (
    "attach the policy to the Service by `targetRefs`, and give the Service a waypoint by the "
    "label istio.io/use-waypoint"
)


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    if places is None:
        return
    targets = PolicyTargets(context, places.mesh)
    for policy in policy_places.policies(context):
        if policy.dry_run:
            continue
        if policy.attachment.targets:
            for target in targets.unenforced(policy):
                yield Violation(
                    policy.resource,
                    target.path,
                    target.message,
                    fix=target.fix,
                    decided=target.decided,
                    severity=Severity.WARNING if target.is_partial else None,
                )
            continue
        ambient = [
            workload
            for place in places.of(policy)
            for workload in place.workloads
            if workload.plane is DataPlane.AMBIENT
        ]
        if ambient:
            yield from _at_ztunnel(policy, ambient)
        yield from _unattached(places, policy)
        yield from _of_waypoints(targets, places.mesh, policy)
        yield from _without_proxy(places.mesh, policy)
    yield from _unverified(context, places.mesh)


def _at_ztunnel(policy: AuthorizationPolicy, ambient: list[Workload]) -> Iterator[Violation]:
    """What ztunnel makes of a policy."""
    names = listed(map(str, ambient))
    related = tuple(RelatedResource(each.resource, "is ambient") for each in ambient[:3])
    if policy.action in {Action.CUSTOM, Action.AUDIT}:
        effect = "no authorizer is asked" if policy.action is Action.CUSTOM else "nothing is logged"
        yield Violation(
            policy.resource,
            "spec.action",
            f"ztunnel does not get {policy.action} policies: for {names} {effect}",
            fix=WAYPOINT,
            related=related,
        )
        return
    remaining = {rule.index: rule for rule in ztunnel_rules(policy)}
    for number, rule in enumerate(policy.rules):
        effect = _effect(policy, rule, remaining.get(number))
        if effect:
            yield Violation(
                policy.resource,
                rule_path(number),
                f"for {names} ztunnel judges connections, and no {effect}",
                fix=WAYPOINT,
                related=related,
            )


def _effect(policy: AuthorizationPolicy, rule: PolicyRule, remaining: ProxyRule | None) -> str:
    """Which fields ztunnel does not judge, and what the rule does without them; empty: nothing."""
    fields = unjudged_fields(rule)
    lost = [
        name for source in rule.sources for name in source if positive_field(name) == "trustDomains"
    ]
    names = listed(f"`{name}`" for name in dict.fromkeys([*fields, *lost]))
    if not names:
        return ""
    if remaining is None:
        return f"{names}: the rule is dropped and lets nobody in"
    does = "denies" if policy.action is Action.DENY else "lets in"
    if not (remaining.sources and remaining.operations):
        nobody = "denies nothing" if policy.action is Action.DENY else "lets nobody in"
        return f"{names}: the rule {nobody}"
    return f"{names}: the rule {does} by its other fields alone"


def _unverified(context: Context, mesh: Mesh) -> Iterator[Violation]:
    """RequestAuthentications for workloads that only ztunnel stands before."""
    read = {id(each) for each in mesh.authorization.resources}
    for resource in context.resources.of("RequestAuthentication"):
        own = request_authentication(resource)
        if own.attachment.targets or id(resource) not in read:
            continue
        selector = dict(own.attachment.selector or {})
        selected = selected_by(mesh, own.namespace, selector)
        if selected and all(each.plane is DataPlane.AMBIENT for each in selected):
            yield Violation(
                resource,
                "spec",
                f"ztunnel verifies no token: the policy does nothing for "
                f"{listed(map(str, selected))}",
                fix=WAYPOINT,
                related=tuple(
                    RelatedResource(each.resource, "is ambient") for each in selected[:3]
                ),
                key="token",
            )


def _unattached(places: PolicyPlaces, policy: AuthorizationPolicy) -> Iterator[Violation]:
    """`selector: {}`, by which ztunnel attaches a policy to no workload."""
    attachment = policy.attachment
    if attachment.selector != {}:
        return
    mesh = places.mesh
    is_root = policy.namespace == mesh.facts.root_namespace
    missed = [
        workload
        for workload in mesh.workloads
        if workload.plane is DataPlane.AMBIENT
        and (is_root or workload.namespace == policy.namespace)
    ]
    if missed:
        yield Violation(
            policy.resource,
            "spec.selector",
            f"an empty selector attaches the policy to no workload at ztunnel: "
            f"{listed(map(str, missed))} {agree(len(missed), 'is', 'are')} not under it",
            fix="leave the selector out",
            decided=attachment.labels_unset,
            key="selector",
        )


def _of_waypoints(
    targets: PolicyTargets, mesh: Mesh, policy: AuthorizationPolicy
) -> Iterator[Violation]:
    """A selector for waypoints, which take policies by target references only."""
    selector = dict(policy.attachment.selector or {})
    selected = selected_by(mesh, policy.namespace, selector) if selector else []
    if selected and all(map(targets.is_waypoint, selected)):
        yield Violation(
            policy.resource,
            "spec.selector.matchLabels",
            f"selects only {listed(map(str, selected))}, and waypoints take no policy by a "
            "selector: nothing enforces it",
            fix="name the waypoint's Gateway, or a Service behind it, by `targetRefs`",
            key="waypoint",
        )


def _without_proxy(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Violation]:
    """A selector that selects only what has no proxy."""
    selector = dict(policy.attachment.selector or {})
    if not selector:
        return
    selected = selected_by(mesh, policy.namespace, selector)
    if selected and all(each.plane is DataPlane.NONE for each in selected):
        yield Violation(
            policy.resource,
            "spec.selector.matchLabels",
            f"{listed(map(str, selected))} {agree(len(selected), 'has', 'have')} neither "
            "sidecar nor ztunnel: no proxy enforces the policy, and everybody gets in",
            fix="let the workload join the mesh, or close it by a NetworkPolicy",
            related=tuple(
                RelatedResource(each.resource, "has no proxy of the mesh") for each in selected[:3]
            ),
            key="proxy",
        )


RULE = Rule(
    id="AZ008",
    name="not-enforced-here",
    severity=Severity.ERROR,
    summary="Nothing enforces a policy where it is meant to be, or only a part of it.",
    fix=WAYPOINT,
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"Gateway", "Service", "ServiceEntry", "RequestAuthentication"}),
    check=check,
)
