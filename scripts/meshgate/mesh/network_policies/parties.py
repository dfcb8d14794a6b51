"""The two ends of a connection, as far as NetworkPolicies look at them."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from msgspec import Struct

from meshgate.mesh import hosts
from meshgate.mesh.catalog import Catalog
from meshgate.mesh.network_policies.addresses import Address
from meshgate.mesh.network_policies.label_selectors import OpenLabels
from meshgate.mesh.pod_labels import INJECTED, OF_ONE_POD
from meshgate.mesh.services import Endpoint
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.workloads import ContainerPort, Workload

_REVISION = "istio.io/rev"
_NAMESPACE_NAME = "kubernetes.io/metadata.name"


class EndKind(enum.Enum):
    """What an end of a connection is."""

    # Pods with addresses of their own.
    POD = "pod"
    # Pods in the node's network.
    HOST = "host"
    # No pod: a machine, or an address outside the cluster.
    OUTSIDE = "outside"
    # A pod or not.
    ANY = "any"


class Party(Struct, frozen=True, eq=False):
    """One end of a connection.

    name              of the workload; empty: it has none
    namespace_labels  those of its Namespace
    ports             that its containers declare; None: not known
    address           its IP address; None: not known
    is_alone          whether it is one pod, so that it reaches itself only
    """

    name: str
    namespace: str
    namespace_labels: OpenLabels
    labels: OpenLabels
    kind: EndKind
    ports: tuple[ContainerPort, ...] | None = None
    address: Address | None = None
    is_alone: bool = False


class Parties:
    """The ends of connections of one mesh, each made once."""

    def __init__(self, catalog: Catalog, cluster_domain: str) -> None:
        self._domain = cluster_domain
        self._namespaces = {
            name: OpenLabels(namespace.labels) for name, namespace in catalog.namespaces.items()
        }
        # By identity: the object is stored with its party, so that no other takes its identity.
        self._of_workloads: dict[int, tuple[Workload, Party]] = {}
        self._of_endpoints: dict[int, tuple[Endpoint, Party]] = {}
        self._unknown: dict[tuple[str, EndKind, str], Party] = {}

    def of_workload(self, workload: Workload) -> Party:
        """The pods of a workload, or the machine that a WorkloadEntry is."""
        cached = self._of_workloads.get(id(workload))
        if cached is None:
            cached = self._of_workloads[id(workload)] = workload, self._party(workload)
        return cached[1]

    def of_endpoint(self, endpoint: Endpoint) -> Party:
        """What stands at an endpoint."""
        if endpoint.workload is not None:
            return self.of_workload(endpoint.workload)
        known = self._of_endpoints.get(id(endpoint))
        if known is None:
            known = self._of_endpoints[id(endpoint)] = endpoint, self._at(endpoint)
        return known[1]

    def _at(self, endpoint: Endpoint) -> Party:
        """What stands at an address outside the inventory."""
        address = endpoint.address or ""
        if endpoint.may_be_pod:
            return self.unknown(endpoint.namespace, EndKind.ANY, address)
        if not hosts.is_address(address) and self._is_of_cluster(address):
            # A name of a ServiceEntry that a Service of the cluster has.
            return self.unknown("", EndKind.ANY)
        return self.unknown(endpoint.namespace, EndKind.OUTSIDE, address)

    def unknown(self, namespace: str, kind: EndKind, address: str = "") -> Party:
        """An end of which at most the namespace and the address are known."""
        key = namespace, kind, address
        if key not in self._unknown:
            self._unknown[key] = Party(
                "",
                namespace,
                self.namespace_labels(namespace) if namespace else OpenLabels({}, is_open=True),
                OpenLabels({}, is_open=True),
                kind,
                None,
                hosts.address_of(address),
            )
        return self._unknown[key]

    def pod(self, name: str, namespace: str, labels: dict[str, str]) -> Party:
        """A pod that is in no inventory, with the labels that it is made with."""
        return Party(
            name,
            namespace,
            self.namespace_labels(namespace),
            OpenLabels(labels, OF_ONE_POD | INJECTED | {_REVISION}),
            EndKind.POD,
        )

    def namespace_labels(self, name: str) -> OpenLabels:
        """The labels of a namespace; but for its name not known without a Namespace object."""
        known = self._namespaces.get(name)
        return known or OpenLabels({_NAMESPACE_NAME: name}, is_open=True)

    def namespaces(self, others: Iterable[str]) -> dict[str, OpenLabels]:
        """The labels of all namespaces that have an object, and of some more."""
        return {**{name: self.namespace_labels(name) for name in others}, **self._namespaces}

    def _is_of_cluster(self, host: str) -> bool:
        return host.endswith((f".{self._domain}", ".svc")) or "." not in host

    def _party(self, workload: Workload) -> Party:
        if workload.kind == "WorkloadEntry":
            address = str(workload.resource.spec.get("address") or "")
            return self.unknown(workload.namespace, EndKind.OUTSIDE, address)
        open_keys = OF_ONE_POD
        if workload.plane is DataPlane.UNKNOWN:
            open_keys |= INJECTED
        return Party(
            str(workload),
            workload.namespace,
            self.namespace_labels(workload.namespace),
            OpenLabels(workload.labels, open_keys),
            EndKind.HOST if workload.on_host else EndKind.POD,
            workload.ports,
            is_alone=_is_alone(workload),
        )


def _is_alone(workload: Workload) -> bool:
    """Whether a workload asks for one pod: what a controller makes where it does not say more."""
    spec = workload.resource.spec
    return workload.kind != "DaemonSet" and all(
        not isinstance(count, int) or count <= 1
        for count in (spec.get("replicas"), spec.get("parallelism"))
    )
