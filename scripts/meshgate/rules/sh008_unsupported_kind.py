"""An object of a kind that does not belong into this environment.

What it checks
    The kind of every rendered object, against `require.kinds` of the environment: one finding for
    each kind. The inventory is not judged: it may hold anything.

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
    Without `require.kinds` the kinds of the mesh are taken: PeerAuthentication, DestinationRule,
    AuthorizationPolicy, Gateway, VirtualService, ServiceEntry and Sidecar. A listed kind is taken
    from the group that Istio or Kubernetes has it in; one that neither has needs a schema.
    Among loose manifests (`meshgate lint`), Namespaces, Services and workloads say what the
    policies are about, as an inventory does, and pass; without a list every kind does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, SharedCause, Violation
from meshgate.rules.wording import listed

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


# The API group of each kind of Istio, and of those of Kubernetes whose names others use, too: there
# is a Gateway of the Gateway API, a Service of Knative and a Job of Volcano.
GROUPS = {
    **dict.fromkeys(
        ("ConfigMap", "Endpoints", "Namespace", "Pod", "Secret", "Service", "ServiceAccount"), ""
    ),
    **dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), "apps"),
    **dict.fromkeys(("CronJob", "Job"), "batch"),
    **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io"),
    **dict.fromkeys(
        ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"), "rbac.authorization.k8s.io"
    ),
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
    kinds = context.environment.kinds
    if kinds is None:
        return
    allowed = frozenset(kinds) if context.environment.sources else RUNNING.union(kinds)
    for resource in context.rendered:
        group = GROUPS.get(resource.kind)
        if resource.kind in allowed and group is not None and resource.group != group:
            yield _violation(
                resource,
                "apiVersion",
                f"of the group {resource.group or 'core'} is not that of {group or 'core'}, which "
                "this environment takes",
                "",
            )
        if resource.kind not in allowed:
            yield _violation(
                resource,
                "kind",
                "is not one of those this environment takes: " + ", ".join(sorted(kinds)),
                f", or add {resource.kind} to require.kinds",
            )


def _violation(resource: Resource, path: str, why: str, otherwise: str) -> Violation:
    """An object of a kind that is not taken; all objects of the kind are one finding."""
    kind, group = resource.kind, resource.group
    return Violation(
        resource,
        path,
        f"kind {kind} {why}",
        fix=f"take {kind} {resource.name} out of the overlay{otherwise}",
        group=SharedCause(
            f"{group}/{kind}",
            f"{resource.namespace}/{resource.name}" if resource.namespace else resource.name,
            functools.partial(_several, kind, why),
            f"take them out of the overlay{otherwise}",
        ),
    )


def _several(kind: str, why: str, names: Sequence[str]) -> str:
    return f"{len(names)} objects, {listed(names)}, are of the kind {kind}, which {why}"


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
