"""A namespace that istiod does not look at holds policies, or is to be in the mesh.

What it checks
    Namespaces whose labels none of `mesh.discoverySelectors` selects: whether Istio's objects are
    in them, and whether their labels ask for sidecars or ambient mode.

    ```yaml
    kind: Namespace
    metadata: {name: shop, labels: {istio-injection: enabled}}    # the selector wants mesh: enabled
    ```

Why it matters
    istiod reads nothing of such a namespace: its policies do nothing, and its Services are no
    hosts of the mesh. Pods get a sidecar all the same, for the webhook does not ask discovery
    selectors; what others call there leaves their sidecars as it is, in plaintext.

How to fix
    Label the namespace so that a selector selects it, or take its objects and its injection label
    away.

Known gaps
    Where several control planes share a cluster, another one may look at the namespace; give each
    its own environment. The root namespace's mesh-wide policy is PA007. A namespace without
    Namespace object is taken as selected.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.catalog import REVISION_LABEL, namespace_labels, namespace_of
from meshgate.mesh.injection import DATA_PLANE_MODE, INJECTION
from meshgate.mesh.selectors import Labels, matches_expression
from meshgate.model import MESH_KINDS, MeshFacts, Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import agree

SHOWN = 3


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    if not facts.discovery_selectors:
        return
    written: dict[str, list[Resource]] = {}
    for resource in context.resources.of(*MESH_KINDS):
        if is_idle(resource, facts):
            written.setdefault(namespace_of(resource), []).append(resource)
    for namespace in context.resources.of("Namespace"):
        labels = namespace_labels(namespace.name, namespace.labels)
        objects = written.get(namespace.name, [])
        if (objects or joins(labels)) and not any(
            matches_expression(selector, labels) for selector in facts.discovery_selectors
        ):
            yield violation(namespace, objects)


def is_idle(resource: Resource, facts: MeshFacts) -> bool:
    """Whether an object of an unseen namespace is to be reported: one that is written here."""
    in_root = namespace_of(resource) == facts.root_namespace
    return not resource.foreign and not (in_root and resource.kind == "PeerAuthentication")


def joins(labels: Labels) -> bool:
    """Whether the labels of a namespace ask for sidecars or for ambient mode."""
    return (
        labels.get(INJECTION) == "enabled"
        or (REVISION_LABEL in labels and INJECTION not in labels)
        or labels.get(DATA_PLANE_MODE) == "ambient"
    )


def violation(namespace: Resource, objects: list[Resource]) -> Violation:
    """The finding on one namespace."""
    name = namespace.name
    if objects:
        what = f"{listed(list(map(str, objects)))} {agree(len(objects), 'does', 'do')} nothing"
    else:
        what = "its labels put pods into the mesh, and calls to its Services leave it in plaintext"
    return Violation(
        objects[0] if objects else namespace,
        "metadata.namespace" if objects else "metadata",
        f"no discovery selector selects namespace {name}, so istiod sees nothing of it: {what}",
        fix=f"label namespace {name} so that a discovery selector selects it",
        related=(
            *(RelatedResource(each, "does nothing") for each in objects[1 : SHOWN + 1]),
            *((RelatedResource(namespace, "is not selected", "metadata"),) * bool(objects)),
        ),
        key=name,
    )


RULE = Rule(
    id="CA014",
    name="undiscovered-namespace",
    severity=Severity.WARNING,
    summary="A namespace that no discovery selector selects has policies, or is to be in the mesh.",
    fix="label the namespace so that a discovery selector selects it",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({"Namespace", *MESH_KINDS}),
    check=check,
)
