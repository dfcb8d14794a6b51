"""No mesh-wide policy that gives the floor.

What it checks
    Whether a PeerAuthentication without selector in the root namespace (`mesh.rootNamespace`)
    gives the mesh the mode of the floor (`require.mtls`), and whether istiod sees it: discovery
    selectors have to select the root namespace, too. Asked where all policies of a mesh are there:
    by `validate`, and by `lint` with `--mesh`. Where a patch or a transformer takes the policy of
    the bases away, the finding points at it.

    ```yaml
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: default, namespace: istio-system}
    spec:
      mtls: {mode: STRICT}
    ```

Why it matters
    Without a mesh-wide policy every workload is PERMISSIVE: it takes plaintext from any pod of the
    cluster, and nothing looks wrong. A policy for each namespace leaves out the namespace that
    somebody makes tomorrow. A policy applied without its namespace does not become mesh-wide: it
    lands in one namespace and holds there only.

How to fix
    Add the policy above to the bases, in the root namespace. Its name does not matter. Under
    OpenShift Service Mesh 2 the operator writes it: set `spec.security.dataPlane.mtls: true` in
    the ServiceMeshControlPlane.

Known gaps
    Where the mesh-wide policy is there and weak, PA001 points at its mode as well. Under OpenShift
    Service Mesh 2 the operator's policy is known only when the inventory has it; without it the
    finding is not decidable. A policy that is labelled for one revision (`istio.io/rev`) holds for
    the workloads of that revision; where `mesh.revision` is not stated, that is not decidable
    either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.mesh.catalog import REVISION_LABEL, namespace_labels, revision_of
from meshgate.mesh.order import age
from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.mesh.selectors import matches_expression
from meshgate.model import Position, Resource, Severity, value_at
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.kubernetes_calls import WEBHOOKS, whom_strict_shuts_out
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

SMCP_FIX = "set spec.security.dataPlane.mtls to true in the ServiceMeshControlPlane"


def check(context: Context) -> Iterator[Violation]:
    floor = context.environment.require.mtls
    ambient = pa.is_ambient(context, pa.MESH)
    for plane in pa.by_control_plane(context) if context.complete else ():
        policies = sorted(plane.deciding[pa.MESH], key=age)
        modes = [pa.own_mode(policy) for policy in policies] or [pa.UNSET]
        given = [
            pa.DEFAULT_MODE if m == pa.UNSET else pa.effective(m, ambient=ambient) for m in modes
        ]
        if all(pa.is_weaker(mode, floor) for mode in given):
            yield weak(context, policies[0], given[0]) if policies else missing(context, plane)
            return
        if policies and pa.is_weaker(pa.DEFAULT_MODE, floor):
            yield from unseen(context, policies[0])
            yield from of_one_revision(context, policies)


def unseen(context: Context, policy: PeerPolicy) -> Iterator[Violation]:
    """The mesh-wide policy is there, and discovery selectors keep istiod from seeing it."""
    facts = context.environment.mesh
    root = facts.root_namespace
    if not facts.discovery_selectors:
        return
    namespace = next(
        (each for each in context.resources.of("Namespace") if each.name == root), None
    )
    labels = namespace_labels(root, namespace.labels if namespace else {})
    if any(matches_expression(selector, labels) for selector in facts.discovery_selectors):
        return
    decided = namespace is not None
    yield Violation(
        policy.resource,
        "metadata.namespace",
        f"no discovery selector selects the root namespace {root}"
        + ("" if decided else ", as far as is known without its Namespace object")
        + f": istiod {'does' if decided else 'may'} not see this policy, and every workload "
        f"without a narrower one is {pa.DEFAULT_MODE}, weaker than the floor "
        f"{context.environment.require.mtls}",
        fix=f"label namespace {root} so that a discovery selector selects it",
        related=(RelatedResource(namespace, "is not selected", "metadata"),) if namespace else (),
        decided=decided,
        key="discovery",
    )


def of_one_revision(context: Context, policies: Sequence[PeerPolicy]) -> Iterator[Violation]:
    """Every mesh-wide policy is for one revision, and it is not known which revision there is."""
    revisions = [revision_of(policy.resource) for policy in policies]
    if context.environment.mesh.revision or None in revisions:
        return
    yield Violation(
        policies[0].resource,
        "metadata.labels",
        f"the mesh-wide policy is for revision {revisions[0]} alone, and mesh.revision is not "
        f"stated: workloads of any other control plane are {pa.DEFAULT_MODE}, weaker than the "
        f"floor {context.environment.require.mtls}",
        fix=f"say in mesh.revision which revision this mesh has, or remove the label "
        f"{REVISION_LABEL}, so that every control plane reads the policy",
        decided=False,
        key="revision",
    )


def weak(context: Context, policy: PeerPolicy, mode: str) -> Violation:
    """The mesh-wide policy is there, and below the floor."""
    floor, facts = context.environment.require.mtls, context.environment.mesh
    return Violation(
        policy.resource,
        pa.mode_path(policy.resource),
        f"no mesh-wide policy gives {floor}: {policy} gives {mode}, and "
        "that is the mode of every namespace without a policy of its own",
        fix=SMCP_FIX
        if facts.distribution == "ossm2"
        else f"set spec.mtls.mode to {floor}{pa.once(floor)}{shut_out(context, policy.resource)}",
    )


def missing(context: Context, plane: pa.ControlPlanePolicies) -> Violation:
    """There is none; the finding names what took it away, or the object to write."""
    environment = context.environment
    floor, root = environment.require.mtls, environment.mesh.root_namespace
    metadata = {"namespace": root, "name": "default"}
    wanted = {"apiVersion": "security.istio.io/v1", "kind": pa.KIND, "metadata": metadata}
    operator = environment.mesh.distribution == "ossm2"
    lost = taken_away(context)
    file = f"{environment.overlay.rstrip('/')}/kustomization.yaml" if environment.overlay else ""
    return Violation(
        Resource.of(wanted),
        "",
        f"no policy without selector in the root namespace {root}"
        + (f" for revision {plane.revision}" if plane.revision else "")
        + f": every workload without a narrower policy is {pa.DEFAULT_MODE}, weaker than the "
        f"floor {floor}"
        + ("; the operator's own policy is not in the inventory" if operator else "")
        + (f": {lost.what}" if lost else ""),
        fix=SMCP_FIX
        if operator
        else f"correct {lost.file}"
        if lost
        else f"add a PeerAuthentication without selector to {root}, with spec.mtls.mode {floor}"
        + pa.once(floor)
        + shut_out(context, None),
        decided=not operator,
        source=lost.position if lost else Position(file, 1, 1) if file else None,
    )


def shut_out(context: Context, policy: Resource | None) -> str:
    """What the fix says of ports that Kubernetes calls, where this policy decides on them."""
    mesh = context.mesh
    if mesh is None or context.environment.require.mtls != "STRICT":
        return ""
    return whom_strict_shuts_out(
        mesh,
        context.resources,
        lambda call: mesh.mode_at(call.workload, call.port).decided_by.policy is policy,
    )


class TakenAway(Struct, frozen=True):
    """The patch or transformer that takes the mesh-wide policy away, and what it does."""

    what: str
    file: str
    position: Position | None


def taken_away(context: Context) -> TakenAway | None:
    """What takes the mesh-wide policy of the bases away; None: they have none."""
    floor, root = context.environment.require.mtls, context.environment.mesh.root_namespace
    removing = [("deletes", step) for step in context.record.removing_patches]
    changing = [
        ("moves" if step.kind == "transformer" else "changes", step)
        for steps in context.record.chains.values()
        for step in steps
        if step.after
    ]
    for verb, step in removing + changing:
        was, now = Resource.of(step.before or {}), Resource.of(step.after)
        if gives(was, floor, root) and not gives(now, floor, root):
            kind = "patch" if step.kind == "patch" else "kustomization"
            return TakenAway(
                f"the {kind} in {step.origin.file} {verb} {was}", step.origin.file, step.position
            )
    return None


def gives(resource: Resource, floor: str, root: str) -> bool:
    """Whether an object is a mesh-wide policy with the mode of the floor, or a stronger one."""
    selector = resource.spec.get("selector")
    mode = value_at(resource.value, "spec.mtls.mode")
    return (
        resource.kind == pa.KIND
        and resource.namespace == root
        and not (isinstance(selector, dict) and selector.get("matchLabels"))
        and mode in pa.WEAKEST_FIRST
        and not pa.is_weaker(str(mode), floor)
    )


RULE = Rule(
    id="PA007",
    name="missing-mesh-wide-strict",
    severity=Severity.ERROR,
    summary="No policy without selector gives the root namespace the floor.",
    fix="add a mesh-wide PeerAuthentication with the mode of the floor to the root namespace",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({pa.KIND, "Namespace", *WEBHOOKS}),
    check=check,
)
