"""An object of a kind that does not belong into this environment.

What it checks
    The kind of every rendered object, against `require.kinds` of the environment. The inventory
    is not judged: it may hold anything.

    ```yaml
    require:
      kinds: [PeerAuthentication, DestinationRule, AuthorizationPolicy]
    ```

Why it matters
    Whoever may merge here may put objects into every cluster that is synced. A list of kinds keeps
    a policy repository from becoming a way to deploy workloads, RoleBindings or EnvoyFilters,
    which can undo every policy the rules judge.

How to fix
    Take the object out of the overlay. If the kind is wanted, add it to `require.kinds` of the
    environment: a change that its owners review.

Known gaps
    Without `require.kinds` every kind passes. A kind of Istio is taken from its own API group only;
    of other kinds the list names no group. Among loose
    manifests (`meshgate lint`), Namespaces, Services and workloads say what the policies are about,
    as an inventory does, and pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# What runs in a cluster; a dump of one is full of them.
RUNNING = frozenset(
    [
        "CronJob",
        "DaemonSet",
        "Deployment",
        "EndpointSlice",
        "Endpoints",
        "Job",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "Service",
        "ServiceAccount",
        "StatefulSet",
        "ValidatingWebhookConfiguration",
    ]
)


# The API group of each kind of Istio; Gateway is also one of Kubernetes' Gateway API.
GROUPS = {
    **dict.fromkeys(
        ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"),
        "security.istio.io",
    ),
    **dict.fromkeys(
        (
            "DestinationRule",
            "EnvoyFilter",
            "Gateway",
            "ProxyConfig",
            "ServiceEntry",
            "Sidecar",
            "VirtualService",
            "WorkloadEntry",
            "WorkloadGroup",
        ),
        "networking.istio.io",
    ),
}


def check(context: Context) -> Iterator[Violation]:
    kinds = context.environment.require.kinds
    if kinds is None:
        return
    allowed = frozenset(kinds) if context.environment.overlay else RUNNING.union(kinds)
    for resource in context.rendered:
        group = GROUPS.get(resource.kind)
        if resource.kind in allowed and group is not None and resource.group != group:
            yield Violation(
                resource,
                "apiVersion",
                f"kind {resource.kind} of the group {resource.group or 'core'} is not that of "
                f"{group}, which this environment takes",
                fix=f"take {resource.kind} {resource.name} out of the overlay",
            )
        if resource.kind not in allowed:
            yield Violation(
                resource,
                "kind",
                f"kind {resource.kind} is not one of those this environment takes: "
                + ", ".join(sorted(kinds)),
                fix=f"take {resource.kind} {resource.name} out of the overlay, or add "
                f"{resource.kind} to require.kinds",
            )


RULE = Rule(
    id="SH008",
    name="unsupported-kind",
    severity=Severity.ERROR,
    summary="A rendered object has a kind that the environment does not take.",
    fix="take the object out of the overlay, or add its kind to require.kinds",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset(),
    check=check,
)
