"""An object that does not say where it belongs.

What it checks
    Every rendered object of a kind that lives in a namespace, for `metadata.namespace`.

    ```yaml
    kind: PeerAuthentication
    metadata:
      name: default             # in which namespace?
    spec: {mtls: {mode: STRICT}}
    ```

Why it matters
    The syncer, or whoever types `kubectl apply`, fills in a namespace of its own. For mesh policy
    that decides everything: in the root namespace the object above is the mode of the whole mesh,
    elsewhere of one namespace; a DestinationRule is looked up by the namespace it lies in.

How to fix
    Write `metadata.namespace`, or `namespace:` in the kustomization if all its objects belong into
    one. With `meshgate lint`, `-n NAMESPACE` says where the objects will be applied.

Known gaps
    Which kinds have no namespace is a list; a cluster-wide kind that is not in it is told here.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import CLUSTER_WIDE_KINDS, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

FOLLOWS = {
    "PeerAuthentication": "in the root namespace it would be the mode of the whole mesh",
    "DestinationRule": "which clients use it depends on the namespace, and in the root namespace "
    "all may",
    "AuthorizationPolicy": "in the root namespace it would hold for the whole mesh",
    "RequestAuthentication": "in the root namespace it would hold for the whole mesh",
    "Sidecar": "in the root namespace it would be the default of every namespace",
}


def check(context: Context) -> Iterator[Violation]:
    root = context.environment.mesh.root_namespace
    for resource in context.rendered:
        # Without a name no cluster stores it: it is another tool's file, or SH002 speaks of it.
        stored = bool(resource.name)
        if stored and resource.namespace is None and resource.kind not in CLUSTER_WIDE_KINDS:
            follows = FOLLOWS.get(resource.kind, "what it is for depends on the namespace")
            yield Violation(
                resource,
                "metadata",
                f"has no namespace, so the syncer's own decides: {follows}",
                fix="write metadata.namespace, or namespace: in its kustomization"
                + (f" ({root} if mesh-wide is meant)" if resource.kind in FOLLOWS else ""),
            )


RULE = Rule(
    id="SH009",
    name="missing-namespace",
    severity=Severity.ERROR,
    summary="A rendered object of a kind that lives in a namespace has none.",
    fix="write metadata.namespace, or namespace: in its kustomization",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset(),
    check=check,
)
