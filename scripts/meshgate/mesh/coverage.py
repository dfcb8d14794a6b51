"""What is read of a cluster, kind by kind: modelled, left undecided, or irrelevant.

Every kind that `require.kinds`, the inventory and a dump of a cluster can hold has one row. A kind
without a row may decide on calls, and nobody has looked: rule SH011 reports it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct


class CoverageColumn(enum.StrEnum):
    """What the model makes of a kind."""

    # Read, and part of every verdict; `Coverage.about` says what of it is not.
    MODELLED = "modelled"
    # Not read: what it covers is undecided, with the object as the reason.
    UNDECIDED = "makes undecided"
    # Not read, since no call depends on it.
    IRRELEVANT = "irrelevant"


class Coverage(Struct, frozen=True):
    """One row: a kind of an API group, `*` for all kinds that have no row of their own.

    about  what is read of it, which calls it leaves undecided, or why no call depends on it
    """

    group: str
    kind: str
    column: CoverageColumn
    about: str


CORE = ""
APPS = "apps"
BATCH = "batch"
ISTIO_NETWORKING = "networking.istio.io"
ISTIO_SECURITY = "security.istio.io"
ISTIO_EXTENSIONS = "extensions.istio.io"
ISTIO_TELEMETRY = "telemetry.istio.io"
GATEWAY_API = "gateway.networking.k8s.io"
GATEWAY_API_EXPERIMENTS = "gateway.networking.x-k8s.io"
KUBERNETES_NETWORKING = "networking.k8s.io"
CLUSTER_NETWORK_POLICY = "policy.networking.k8s.io"
CILIUM = "cilium.io"
CALICO = "projectcalico.org"
CALICO_CRD = "crd.projectcalico.org"

_IS = CoverageColumn.MODELLED
_OPEN = CoverageColumn.UNDECIDED
_NOT = CoverageColumn.IRRELEVANT

_ENDS = "calls to the pods it selects (ingress) and from them (egress)"
_SETTINGS = "a setting that decides through policies only, and these are reported"
_RUNS_NOTHING = "neither a client nor a server, and no proxy reads it"

TABLE: tuple[Coverage, ...] = (
    # Istio
    Coverage(ISTIO_SECURITY, "PeerAuthentication", _IS, "the mode of every server port"),
    Coverage(
        ISTIO_SECURITY,
        "AuthorizationPolicy",
        _IS,
        "who may call, over all requests, at sidecars, gateways, ztunnel and waypoints. What an "
        "external authorizer answers (CUSTOM) is undecided",
    ),
    Coverage(
        ISTIO_SECURITY,
        "RequestAuthentication",
        _IS,
        "whose tokens are verified: policies see no other, and one of another issuer is refused",
    ),
    Coverage(ISTIO_NETWORKING, "DestinationRule", _IS, "what clients send"),
    Coverage(
        ISTIO_NETWORKING,
        "VirtualService",
        _IS,
        "where requests go. A fault that aborts leaves calls to its destinations undecided, "
        "those of gateways or of sidecars where its route is for them alone, and those of the "
        "clients that its matches name by labels or namespace; a "
        "delay and a mirror change no answer",
    ),
    Coverage(ISTIO_NETWORKING, "Gateway", _IS, "the listeners of gateways"),
    Coverage(ISTIO_NETWORKING, "ServiceEntry", _IS, "hosts and their endpoints"),
    Coverage(ISTIO_NETWORKING, "WorkloadEntry", _IS, "endpoints outside the cluster"),
    Coverage(
        ISTIO_NETWORKING,
        "WorkloadGroup",
        _NOT,
        "a template: the WorkloadEntries that are made of it are read where they are",
    ),
    Coverage(ISTIO_NETWORKING, "Sidecar", _IS, "which hosts a client knows, which ports a server"),
    Coverage(
        ISTIO_NETWORKING,
        "EnvoyFilter",
        _OPEN,
        "calls to and from the proxies whose listeners, filter chains, filters, routes or clusters "
        "it patches",
    ),
    Coverage(
        ISTIO_NETWORKING,
        "ProxyConfig",
        _OPEN,
        "calls to and from the proxies it gives environment variables; image and concurrency "
        "change no call",
    ),
    Coverage(
        ISTIO_EXTENSIONS,
        "WasmPlugin",
        _OPEN,
        "calls to and from the proxies it is loaded into: a plugin may refuse them",
    ),
    Coverage(
        ISTIO_EXTENSIONS,
        "TrafficExtension",
        _OPEN,
        "calls to and from the proxies it is loaded into: an extension may refuse them",
    ),
    Coverage(
        ISTIO_TELEMETRY,
        "Telemetry",
        _NOT,
        "metrics, traces and access logs: what is recorded of a call, never what becomes of it",
    ),
    Coverage(
        "maistra.io",
        "ServiceMeshMemberRoll",
        _IS,
        "the namespaces of an OpenShift Service Mesh 2",
    ),
    Coverage("maistra.io", "*", _NOT, "how an operator installs a mesh: the facts are declared"),
    Coverage(
        "install.istio.io",
        "*",
        _NOT,
        "a file of istioctl: no cluster acts on it, and facts of the mesh are declared",
    ),
    Coverage("sailoperator.io", "*", _NOT, "how an operator installs Istio: facts are declared"),
    Coverage("operator.istio.io", "*", _NOT, "how an operator installs Istio: facts are declared"),
    # Gateway API
    Coverage(
        GATEWAY_API,
        "Gateway",
        _OPEN,
        "calls to and from the pods that carry its name. A waypoint is read: who passes it, whom "
        "it lets in; where it is not known what it does, calls by way of it are undecided",
    ),
    Coverage(GATEWAY_API, "HTTPRoute", _OPEN, "calls to the Services it is attached to"),
    Coverage(GATEWAY_API, "GRPCRoute", _OPEN, "calls to the Services it is attached to"),
    Coverage(GATEWAY_API, "TLSRoute", _OPEN, "calls to the Services it is attached to"),
    Coverage(GATEWAY_API, "TCPRoute", _OPEN, "calls to the Services it is attached to"),
    Coverage(GATEWAY_API, "UDPRoute", _NOT, "UDP passes no proxy of Istio"),
    Coverage(GATEWAY_API, "BackendTLSPolicy", _OPEN, "calls to the Services it is for"),
    Coverage(
        GATEWAY_API,
        "GatewayClass",
        _IS,
        "which traffic its waypoints are for (`istio.io/waypoint-for`); which controller serves a "
        "Gateway is not: calls by way of such Gateways are undecided anyway",
    ),
    Coverage(
        GATEWAY_API,
        "ReferenceGrant",
        _NOT,
        "what a route may refer to: calls by such routes are undecided anyway",
    ),
    Coverage(
        GATEWAY_API,
        "ListenerSet",
        _NOT,
        "listeners of a Gateway: calls by way of such Gateways are undecided anyway",
    ),
    Coverage(
        GATEWAY_API_EXPERIMENTS,
        "XBackendTrafficPolicy",
        _OPEN,
        "calls to the Services it is for",
    ),
    Coverage(
        GATEWAY_API_EXPERIMENTS,
        "XListenerSet",
        _NOT,
        "listeners of a Gateway: calls by way of such Gateways are undecided anyway",
    ),
    # Packet filters
    Coverage(
        KUBERNETES_NETWORKING,
        "NetworkPolicy",
        _IS,
        "which packets pass, in and out; all where `mesh.networkPolicies` is `ignored`. "
        "What hangs on the address of a pod or on the network of its node is undecided",
    ),
    Coverage(CLUSTER_NETWORK_POLICY, "AdminNetworkPolicy", _OPEN, _ENDS),
    Coverage(CLUSTER_NETWORK_POLICY, "BaselineAdminNetworkPolicy", _OPEN, _ENDS),
    Coverage(CLUSTER_NETWORK_POLICY, "ClusterNetworkPolicy", _OPEN, _ENDS),
    Coverage(CILIUM, "CiliumNetworkPolicy", _OPEN, _ENDS),
    Coverage(CILIUM, "CiliumClusterwideNetworkPolicy", _OPEN, _ENDS),
    Coverage(
        CILIUM,
        "CiliumLocalRedirectPolicy",
        _OPEN,
        "calls to the Service whose traffic it leads to pods of the node",
    ),
    Coverage(
        CILIUM,
        "CiliumEnvoyConfig",
        _OPEN,
        "calls to the Services whose traffic it leads through Cilium's own proxy",
    ),
    Coverage(
        CILIUM,
        "CiliumClusterwideEnvoyConfig",
        _OPEN,
        "calls to the Services whose traffic it leads through Cilium's own proxy",
    ),
    *(
        Coverage(CILIUM, kind, _NOT, "what Cilium notes of the cluster, or where packets go out")
        for kind in (
            "CiliumBGPAdvertisement",
            "CiliumBGPClusterConfig",
            "CiliumBGPNodeConfig",
            "CiliumBGPNodeConfigOverride",
            "CiliumBGPPeerConfig",
            "CiliumBGPPeeringPolicy",
            "CiliumCIDRGroup",
            "CiliumEgressGatewayPolicy",
            "CiliumEndpoint",
            "CiliumEndpointSlice",
            "CiliumExternalWorkload",
            "CiliumGatewayClassConfig",
            "CiliumIdentity",
            "CiliumL2AnnouncementPolicy",
            "CiliumLoadBalancerIPPool",
            "CiliumNode",
            "CiliumNodeConfig",
            "CiliumPodIPPool",
        )
    ),
    *(
        row
        for group in (CALICO, CALICO_CRD)
        for row in (
            Coverage(group, "NetworkPolicy", _OPEN, _ENDS),
            Coverage(group, "GlobalNetworkPolicy", _OPEN, _ENDS),
            *(
                Coverage(group, kind, _NOT, "a policy that is looked at and not enforced")
                for kind in (
                    "StagedGlobalNetworkPolicy",
                    "StagedKubernetesNetworkPolicy",
                    "StagedNetworkPolicy",
                )
            ),
            *(
                Coverage(group, kind, _NOT, _SETTINGS)
                for kind in (
                    "BGPConfiguration",
                    "BGPFilter",
                    "BGPPeer",
                    "BlockAffinity",
                    "CalicoNodeStatus",
                    "ClusterInformation",
                    "FelixConfiguration",
                    "GlobalNetworkSet",
                    "HostEndpoint",
                    "IPAMBlock",
                    "IPAMConfig",
                    "IPAMConfiguration",
                    "IPAMHandle",
                    "IPPool",
                    "IPReservation",
                    "KubeControllersConfiguration",
                    "NetworkSet",
                    "Node",
                    "Profile",
                    "Tier",
                    "WorkloadEndpoint",
                )
            ),
        )
    ),
    Coverage("operator.tigera.io", "*", _NOT, "how an operator installs Calico"),
    # Kubernetes: what runs, and how it is reached
    Coverage(CORE, "Namespace", _IS, "labels that decide on sidecars, and on who is discovered"),
    Coverage(CORE, "Service", _IS, "hosts, ports and the pods behind them"),
    Coverage(CORE, "Endpoints", _IS, "endpoints of Services without selector"),
    Coverage("discovery.k8s.io", "EndpointSlice", _IS, "endpoints of Services"),
    Coverage(CORE, "Pod", _IS, "clients and servers"),
    Coverage(CORE, "ReplicationController", _IS, "clients and servers"),
    Coverage(APPS, "Deployment", _IS, "clients and servers"),
    Coverage(APPS, "StatefulSet", _IS, "clients and servers"),
    Coverage(APPS, "DaemonSet", _IS, "clients and servers"),
    Coverage(APPS, "ReplicaSet", _IS, "clients and servers"),
    Coverage(APPS, "ControllerRevision", _NOT, "the past of a workload"),
    Coverage(BATCH, "Job", _IS, "clients and servers"),
    Coverage(BATCH, "CronJob", _IS, "clients and servers"),
    Coverage(
        CORE,
        "ConfigMap",
        _IS,
        "`istio` in the root namespace alone: MeshConfig that contradicts the declared facts makes "
        "every call undecided; other ConfigMaps are data of applications",
    ),
    *(
        Coverage("admissionregistration.k8s.io", kind, column, about)
        for kind, column, about in (
            ("MutatingWebhookConfiguration", _IS, "calls of the API server (PA013)"),
            ("ValidatingWebhookConfiguration", _IS, "calls of the API server (PA013)"),
            ("MutatingAdmissionPolicy", _NOT, "objects are judged as they are given here"),
            ("MutatingAdmissionPolicyBinding", _NOT, "objects are judged as they are given here"),
            ("ValidatingAdmissionPolicy", _NOT, "objects are judged as they are given here"),
            ("ValidatingAdmissionPolicyBinding", _NOT, "objects are judged as they are given here"),
        )
    ),
    Coverage(
        KUBERNETES_NETWORKING,
        "Ingress",
        _OPEN,
        "calls to and from ingress gateways, where its class is Istio's; else of a controller "
        "with a sidecar, which calls the addresses of pods",
    ),
    Coverage(KUBERNETES_NETWORKING, "IngressClass", _IS, "which Ingresses are Istio's"),
    Coverage(KUBERNETES_NETWORKING, "IPAddress", _NOT, "an address that a Service holds"),
    Coverage(KUBERNETES_NETWORKING, "ServiceCIDR", _NOT, "where addresses of Services come from"),
    *(
        Coverage(CORE, kind, _NOT, _RUNS_NOTHING)
        for kind in (
            "Binding",
            "ComponentStatus",
            "Event",
            "LimitRange",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "PodTemplate",
            "ResourceQuota",
        )
    ),
    Coverage(CORE, "Secret", _NOT, "certificates and tokens are never read"),
    Coverage(CORE, "ServiceAccount", _NOT, "identities are taken from the pods that use them"),
    Coverage(CORE, "List", _NOT, "its items are judged one by one"),
    *(
        Coverage(group, "*", _NOT, about)
        for group, about in {
            "apiextensions.k8s.io": "schemas of other kinds",
            "apiregistration.k8s.io": "where the API server finds other APIs",
            "authentication.k8s.io": "who may use the API server",
            "authorization.k8s.io": "who may use the API server",
            "autoscaling": "how many pods there are, not what they take",
            "autoscaling.k8s.io": "how large pods are, not what they take",
            "certificates.k8s.io": "certificates are never read",
            "coordination.k8s.io": _RUNS_NOTHING,
            "events.k8s.io": _RUNS_NOTHING,
            "extensions": "an API that clusters no longer serve",
            "flowcontrol.apiserver.k8s.io": "how busy the API server may be",
            "internal.apiserver.k8s.io": _RUNS_NOTHING,
            "metrics.k8s.io": "measurements",
            "node.k8s.io": "how containers are run, not what they take",
            "policy": "how pods are evicted",
            "rbac.authorization.k8s.io": "who may use the API server",
            "resource.k8s.io": "devices of pods",
            "scheduling.k8s.io": "where pods run",
            "snapshot.storage.k8s.io": "volumes",
            "storage.k8s.io": "volumes",
            "storagemigration.k8s.io": "how the API server stores objects",
            # Agents of a sync: the objects they put into a cluster are what is judged.
            "argoproj.io": "what is synced, not what runs; rollouts run ReplicaSets",
            "fluxcd.controlplane.io": "what is synced, not what runs",
            "helm.toolkit.fluxcd.io": "what is synced, not what runs",
            "image.toolkit.fluxcd.io": "what is synced, not what runs",
            "kustomize.config.k8s.io": "a file of kustomize, no object",
            "kustomize.toolkit.fluxcd.io": "what is synced, not what runs",
            "notification.toolkit.fluxcd.io": "messages of a sync",
            "source.toolkit.fluxcd.io": "what is synced, not what runs",
            # Well-known neighbours that stand in no call's way.
            "acme.cert-manager.io": "certificates are never read",
            "cert-manager.io": "certificates are never read",
            "bitnami.com": "secrets, which are never read",
            "external-secrets.io": "secrets, which are never read",
            "jaegertracing.io": "traces",
            "kiali.io": "what a page shows of a mesh",
            "kyverno.io": "objects are judged as they are given here",
            "constraints.gatekeeper.sh": "objects are judged as they are given here",
            "templates.gatekeeper.sh": "objects are judged as they are given here",
            "monitoring.coreos.com": "what is measured; the pods that scrape are clients",
            "monitoring.googleapis.com": "what is measured",
            "opentelemetry.io": "traces; collectors run as workloads",
            "velero.io": "backups",
            "wgpolicyk8s.io": "reports",
        }.items()
    ),
)

_BY_KIND: Mapping[tuple[str, str], Coverage] = {(row.group, row.kind): row for row in TABLE}

# The API group that the bare name of a kind stands for: the modelled one, else the first of the
# table. A Gateway of the Gateway API is another kind than Istio's.
GROUPS: Mapping[str, str] = {
    row.kind: row.group
    for modelled in (False, True)
    for row in reversed(TABLE)
    if row.kind != "*" and (row.column is CoverageColumn.MODELLED) is modelled
}

# Who makes the kinds that decide on calls: one of theirs without a row is an error of this table.
VENDORS = (".istio.io", ".k8s.io", ".x-k8s.io", CILIUM, CALICO)


def coverage_of(group: str, kind: str) -> Coverage | None:
    """The row of a kind; None: nobody has looked whether calls depend on it."""
    return _BY_KIND.get((group, kind)) or _BY_KIND.get((group, "*"))


def is_of_vendor(group: str) -> bool:
    """Whether a group is Kubernetes' own, Istio's, the Gateway API's, Cilium's or Calico's."""
    return "." not in group or group.endswith(VENDORS)
