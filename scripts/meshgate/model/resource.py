"""Kubernetes objects as they are judged, and what identifies them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from meshgate.model.origin import Origin
from meshgate.model.value import JSON, JSONObject

# Kinds without a namespace, of Kubernetes itself and of what comes with a mesh.
CLUSTER_WIDE_KINDS = frozenset(
    {
        "APIService",
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "CiliumClusterwideEnvoyConfig",
        "CiliumClusterwideNetworkPolicy",
        "ClusterNetworkPolicy",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "GlobalNetworkPolicy",
        "GatewayClass",
        "IPAddress",
        "IngressClass",
        "Istio",
        "IstioCNI",
        "IstioRevision",
        "IstioRevisionTag",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "ServiceCIDR",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
        "ZTunnel",
    }
)


class ResourceRef(NamedTuple):
    """What identifies an object; `namespace` is None where it is cluster-wide or none is set."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class Resource(Struct, frozen=True, eq=False):
    """One Kubernetes object as it is judged. Compared by identity; never changed."""

    api_version: str
    kind: str
    namespace: str | None
    name: str
    value: JSONObject
    origin: Origin | None = None
    # From the inventory: it decides with the rest, but is not managed here.
    foreign: bool = False

    @classmethod
    def of(
        cls, value: JSONObject, origin: Origin | None = None, *, foreign: bool = False
    ) -> Resource:
        """The resource a manifest describes. Parts of a wrong type read as empty: SH002 tells."""
        metadata = value.get("metadata")
        if not isinstance(metadata, dict):
            metadata = {}
        namespace = metadata.get("namespace")
        return cls(
            api_version=str(value.get("apiVersion") or ""),
            kind=str(value.get("kind") or ""),
            namespace=str(namespace) if namespace else None,
            name=str(metadata.get("name") or metadata.get("generateName") or ""),
            value=value,
            origin=origin,
            foreign=foreign,
        )

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def ref(self) -> ResourceRef:
        return ResourceRef(self.api_version, self.kind, self.namespace, self.name)

    @property
    def metadata(self) -> JSONObject:
        return _mapping(self.value.get("metadata"))

    @property
    def spec(self) -> JSONObject:
        return _mapping(self.value.get("spec"))

    @property
    def labels(self) -> JSONObject:
        return _mapping(self.metadata.get("labels"))

    @property
    def annotations(self) -> JSONObject:
        return _mapping(self.metadata.get("annotations"))

    def __str__(self) -> str:
        return str(self.ref)


def _mapping(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}


class ResourceIndex:
    """Resources by kind, in the order they were given."""

    __slots__ = ("_by_kind", "all")

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.all: tuple[Resource, ...] = tuple(resources)
        self._by_kind: dict[str, list[Resource]] = {}
        for resource in self.all:
            self._by_kind.setdefault(resource.kind, []).append(resource)

    def of(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these kinds."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())
