"""The kinds that are read from a cluster; `sync/rbac/reader.yaml` grants the right to list them."""

from __future__ import annotations

from typing import NamedTuple


class ListedKind(NamedTuple):
    """One kind, as it is listed over all namespaces."""

    api_version: str
    kind: str
    plural: str
    # Versions that another cluster may serve in its place, in the order they are asked for.
    others: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[ListedKind, ...]:
        """The kind in each version that it is asked for, in this order."""
        group = f"{self.group}/" if self.group else ""
        return (self, *(self._replace(api_version=group + each, others=()) for each in self.others))

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def path(self) -> str:
        """Where the API server lists it."""
        return f"/{'apis' if self.group else 'api'}/{self.api_version}/{self.plural}"

    @property
    def resource(self) -> str:
        """Its name in a rule of RBAC, with its group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


# What runs, and how it is reached.
RUNNING = (
    ListedKind("v1", "Namespace", "namespaces"),
    ListedKind("v1", "Service", "services"),
    ListedKind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    ListedKind("apps/v1", "Deployment", "deployments"),
    ListedKind("apps/v1", "StatefulSet", "statefulsets"),
    ListedKind("apps/v1", "DaemonSet", "daemonsets"),
    ListedKind("apps/v1", "ReplicaSet", "replicasets"),
    ListedKind("batch/v1", "CronJob", "cronjobs"),
    ListedKind("batch/v1", "Job", "jobs"),
    ListedKind("v1", "Pod", "pods"),
    ListedKind(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
    ListedKind(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
)

# What decides. `v1beta1` is served by every supported release of Istio; one to come may drop it.
_NEWER = ("v1",)
DECIDING = (
    ListedKind("security.istio.io/v1beta1", "PeerAuthentication", "peerauthentications", _NEWER),
    ListedKind("security.istio.io/v1beta1", "AuthorizationPolicy", "authorizationpolicies", _NEWER),
    ListedKind("networking.istio.io/v1beta1", "DestinationRule", "destinationrules", _NEWER),
    ListedKind("networking.istio.io/v1beta1", "ServiceEntry", "serviceentries", _NEWER),
    ListedKind("networking.istio.io/v1beta1", "WorkloadEntry", "workloadentries", _NEWER),
    ListedKind("networking.istio.io/v1beta1", "Sidecar", "sidecars", _NEWER),
    ListedKind("networking.istio.io/v1beta1", "Gateway", "gateways", _NEWER),
    ListedKind("networking.istio.io/v1beta1", "VirtualService", "virtualservices", _NEWER),
    ListedKind("networking.istio.io/v1alpha3", "EnvoyFilter", "envoyfilters"),
    ListedKind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", ("v1beta1",)),
    ListedKind("gateway.networking.k8s.io/v1", "GRPCRoute", "grpcroutes", ("v1alpha2",)),
    ListedKind("gateway.networking.k8s.io/v1", "TLSRoute", "tlsroutes", ("v1alpha3", "v1alpha2")),
    ListedKind("gateway.networking.k8s.io/v1", "TCPRoute", "tcproutes", ("v1alpha2",)),
    ListedKind(
        "gateway.networking.k8s.io/v1",
        "BackendTLSPolicy",
        "backendtlspolicies",
        ("v1beta1", "v1alpha3"),
    ),
    ListedKind(
        "gateway.networking.x-k8s.io/v1alpha1",
        "XBackendTrafficPolicy",
        "xbackendtrafficpolicies",
    ),
    ListedKind("maistra.io/v1", "ServiceMeshMemberRoll", "servicemeshmemberrolls"),
    # Not modelled: what they cover is undecided, see meshgate.mesh.coverage.
    ListedKind(
        "security.istio.io/v1beta1", "RequestAuthentication", "requestauthentications", _NEWER
    ),
    ListedKind("networking.istio.io/v1beta1", "ProxyConfig", "proxyconfigs"),
    ListedKind("extensions.istio.io/v1alpha1", "WasmPlugin", "wasmplugins"),
    ListedKind("extensions.istio.io/v1alpha1", "TrafficExtension", "trafficextensions"),
    ListedKind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ListedKind("networking.k8s.io/v1", "Ingress", "ingresses"),
    ListedKind("networking.k8s.io/v1", "IngressClass", "ingressclasses"),
    ListedKind("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies"),
    ListedKind(
        "policy.networking.k8s.io/v1alpha1",
        "BaselineAdminNetworkPolicy",
        "baselineadminnetworkpolicies",
    ),
    ListedKind(
        "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies"
    ),
    ListedKind("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies"),
    ListedKind(
        "cilium.io/v2", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies"
    ),
    ListedKind("cilium.io/v2", "CiliumEnvoyConfig", "ciliumenvoyconfigs"),
    ListedKind("cilium.io/v2", "CiliumClusterwideEnvoyConfig", "ciliumclusterwideenvoyconfigs"),
    ListedKind("cilium.io/v2", "CiliumLocalRedirectPolicy", "ciliumlocalredirectpolicies"),
    ListedKind("crd.projectcalico.org/v1", "NetworkPolicy", "networkpolicies"),
    ListedKind("crd.projectcalico.org/v1", "GlobalNetworkPolicy", "globalnetworkpolicies"),
)

# What no call depends on: only compared with what was rendered.
OTHERS = (
    ListedKind("networking.istio.io/v1beta1", "WorkloadGroup", "workloadgroups", _NEWER),
    ListedKind("telemetry.istio.io/v1", "Telemetry", "telemetries", ("v1alpha1",)),
)

ALL = (*RUNNING, *DECIDING, *OTHERS)
# Without these there is no mesh to speak of.
EXPECTED = frozenset({"PeerAuthentication", "DestinationRule"})
