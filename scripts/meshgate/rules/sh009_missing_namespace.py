"""An object that does not say where it belongs.

What it checks
    Every rendered object of Istio's own kinds, for `metadata.namespace`; one finding for each file.

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

    What is judged besides takes the objects, Services and workloads without a namespace alike, as
    `kubectl apply` would: all in `default`.

How to fix
    Write `metadata.namespace`, or `namespace:` in the kustomization if all its objects belong into
    one. With `meshgate lint`, `-n NAMESPACE` says where the objects will be applied.

Known gaps
    Services and workloads without a namespace are not reported: the policy for them is.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import DEFAULT_NAMESPACE, MESH_KINDS, Resource, Scopes, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# The groups of the mesh's own kinds.
GROUPS = frozenset(
    {*MESH_KINDS.values(), "extensions.istio.io", "install.istio.io", "telemetry.istio.io"}
)
NAMED = 3
# The gravest first.
FOLLOWS = {
    "PeerAuthentication": "in the root namespace it would be the mode of the whole mesh",
    "DestinationRule": "which clients use it depends on the namespace, and in the root namespace "
    "all may",
    "AuthorizationPolicy": "in the root namespace it would hold for the whole mesh",
    "RequestAuthentication": "in the root namespace it would hold for the whole mesh",
    "Sidecar": "in the root namespace it would be the default of every namespace",
}
# The lower, the more the namespace decides.
GRAVITY = {kind: place for place, kind in enumerate(FOLLOWS)}


def check(context: Context) -> Iterator[Violation]:
    scopes = Scopes(context.rendered)
    by_file: dict[str, list[Resource]] = {}
    for resource in context.rendered:
        if resource.group in GROUPS and scopes.needs_namespace(resource):
            file = resource.origin.file if resource.origin else ""
            by_file.setdefault(file, []).append(resource)
    for resources in by_file.values():
        yield missing(context, resources)


def missing(context: Context, resources: list[Resource]) -> Violation:
    """The finding on the objects of one file, at the gravest of them."""
    first = min(resources, key=lambda each: GRAVITY.get(each.kind, len(GRAVITY)))
    root = context.environment.mesh.root_namespace
    follows = FOLLOWS.get(first.kind, "what it is for depends on the namespace")
    others = [f"{each.kind}/{each.name}" for each in resources if each is not first]
    fix = "write metadata.namespace, or namespace: in its kustomization"
    if first.kind in FOLLOWS:
        fix += f" ({root} if mesh-wide is meant)"
    if not context.environment.sources:
        fix += "; `-n NAMESPACE` says where the objects will be applied"
    return Violation(
        first,
        "metadata",
        "has no namespace, so the syncer's own decides: "
        f"{follows}{too(others)}. It is judged as in {DEFAULT_NAMESPACE} here",
        fix=fix,
    )


def too(others: list[str]) -> str:
    """The other objects of the file that have none either."""
    if not others:
        return ""
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return f". The same holds for {', '.join(others[:NAMED])}{more} of this file"


RULE = Rule(
    id="SH009",
    name="missing-namespace",
    severity=Severity.ERROR,
    summary="An object of the mesh that lives in a namespace has none.",
    fix="write metadata.namespace, or namespace: in its kustomization",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset(),
    check=check,
)
