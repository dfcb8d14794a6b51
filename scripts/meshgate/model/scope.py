"""Which kinds live in a namespace, and which namespace an object without one lands in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.model.resource import CLUSTER_WIDE_KINDS, Resource

# What `kubectl apply` and most syncers take where neither object nor context names one.
DEFAULT_NAMESPACE = "default"
DEFINITION = "CustomResourceDefinition"
CLUSTER = "Cluster"

# Groups of which every kind is cluster-wide.
CLUSTER_WIDE_GROUPS = frozenset(
    {
        "apiextensions.crossplane.io",
        "config.openshift.io",
        "constraints.gatekeeper.sh",
        "pkg.crossplane.io",
        "templates.gatekeeper.sh",
    }
)
# Of operators that are common beside a mesh; a CRD among the objects decides before this.
CLUSTER_WIDE_OF_OPERATORS = frozenset(
    {
        ("argoproj.io", "ClusterWorkflowTemplate"),
        ("cert-manager.io", "ClusterIssuer"),
        ("cilium.io", "CiliumClusterwideNetworkPolicy"),
        ("crd.projectcalico.org", "GlobalNetworkPolicy"),
        ("external-secrets.io", "ClusterExternalSecret"),
        ("external-secrets.io", "ClusterSecretStore"),
        ("karpenter.k8s.aws", "EC2NodeClass"),
        ("karpenter.sh", "NodeClaim"),
        ("karpenter.sh", "NodePool"),
        ("keda.sh", "ClusterTriggerAuthentication"),
        ("kubeflow.org", "Profile"),
        ("kueue.x-k8s.io", "ClusterQueue"),
        ("kueue.x-k8s.io", "ResourceFlavor"),
        ("kyverno.io", "ClusterCleanupPolicy"),
        ("kyverno.io", "ClusterPolicy"),
        ("policy.networking.k8s.io", "AdminNetworkPolicy"),
        ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
        ("project.openshift.io", "Project"),
        ("projectcalico.org", "GlobalNetworkPolicy"),
        ("security.openshift.io", "SecurityContextConstraints"),
        ("serving.kserve.io", "ClusterServingRuntime"),
        ("serving.kserve.io", "ClusterStorageContainer"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotContent"),
        ("tekton.dev", "ClusterTask"),
        ("triggers.tekton.dev", "ClusterInterceptor"),
        ("triggers.tekton.dev", "ClusterTriggerBinding"),
        ("trust.cert-manager.io", "Bundle"),
    }
)


class Scopes:
    """The scope of every kind: as a CRD among the objects says, else as tables know it."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._defined = dict(_defined(resources))

    def is_cluster_wide(self, resource: Resource) -> bool:
        """Whether objects of its kind have no namespace."""
        kind = resource.group, resource.kind
        if (defined := self._defined.get(kind)) is not None:
            return defined
        return (
            resource.kind in CLUSTER_WIDE_KINDS
            or resource.group in CLUSTER_WIDE_GROUPS
            or kind in CLUSTER_WIDE_OF_OPERATORS
        )

    def needs_namespace(self, resource: Resource) -> bool:
        """Whether an object lives in a namespace and does not say in which."""
        # Without a name no cluster stores it: it is another tool's file, or SH002 speaks of it.
        return (
            resource.namespace is None
            and bool(resource.name)
            and not self.is_cluster_wide(resource)
        )

    def landed(self, resource: Resource, namespace: str = DEFAULT_NAMESPACE) -> Resource:
        """The object as it lands with `kubectl apply -n`; itself where it says where it belongs."""
        if not self.needs_namespace(resource):
            return resource
        value = {**resource.value, "metadata": {**resource.metadata, "namespace": namespace}}
        return Resource.of(value, resource.origin, foreign=resource.foreign)


def _defined(resources: Iterable[Resource]) -> Iterator[tuple[tuple[str, str], bool]]:
    """What CRDs say: by group and kind, whether it is cluster-wide."""
    for resource in resources:
        names = resource.spec.get("names")
        if resource.kind == DEFINITION and isinstance(names, dict):
            key = str(resource.spec.get("group")), str(names.get("kind"))
            yield key, resource.spec.get("scope") == CLUSTER
