"""The kinds that are read from a cluster; `sync/rbac/reader.yaml` grants the right to list them."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind, as it is listed over all namespaces."""

    api_version: str
    kind: str
    plural: str
    # Versions that an older cluster may serve in its place, newest first.
    older: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[Kind, ...]:
        """The kind in each version that it is asked for, in this order."""
        group = f"{self.group}/" if self.group else ""
        return (self, *(self._replace(api_version=group + each, older=()) for each in self.older))

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
    Kind("v1", "Namespace", "namespaces"),
    Kind("v1", "Service", "services"),
    Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("apps/v1", "StatefulSet", "statefulsets"),
    Kind("apps/v1", "DaemonSet", "daemonsets"),
    Kind("apps/v1", "ReplicaSet", "replicasets"),
    Kind("batch/v1", "CronJob", "cronjobs"),
    Kind("batch/v1", "Job", "jobs"),
    Kind("v1", "Pod", "pods"),
    Kind(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
    Kind(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
)

# What decides. `v1beta1` is served by every supported release of Istio.
DECIDING = (
    Kind("security.istio.io/v1beta1", "PeerAuthentication", "peerauthentications"),
    Kind("security.istio.io/v1beta1", "AuthorizationPolicy", "authorizationpolicies"),
    Kind("networking.istio.io/v1beta1", "DestinationRule", "destinationrules"),
    Kind("networking.istio.io/v1beta1", "ServiceEntry", "serviceentries"),
    Kind("networking.istio.io/v1beta1", "WorkloadEntry", "workloadentries"),
    Kind("networking.istio.io/v1beta1", "Sidecar", "sidecars"),
    Kind("networking.istio.io/v1beta1", "Gateway", "gateways"),
    Kind("networking.istio.io/v1beta1", "VirtualService", "virtualservices"),
    Kind("networking.istio.io/v1alpha3", "EnvoyFilter", "envoyfilters"),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", ("v1beta1",)),
    Kind("gateway.networking.k8s.io/v1", "GRPCRoute", "grpcroutes", ("v1alpha2",)),
    Kind("gateway.networking.k8s.io/v1", "TLSRoute", "tlsroutes", ("v1alpha3", "v1alpha2")),
    Kind("gateway.networking.k8s.io/v1", "TCPRoute", "tcproutes", ("v1alpha2",)),
    Kind(
        "gateway.networking.k8s.io/v1",
        "BackendTLSPolicy",
        "backendtlspolicies",
        ("v1beta1", "v1alpha3"),
    ),
    Kind(
        "gateway.networking.x-k8s.io/v1alpha1",
        "XBackendTrafficPolicy",
        "xbackendtrafficpolicies",
    ),
    Kind("maistra.io/v1", "ServiceMeshMemberRoll", "servicemeshmemberrolls"),
)

# What the model does not read: only compared with what was rendered.
OTHERS = (
    Kind("security.istio.io/v1beta1", "RequestAuthentication", "requestauthentications"),
    Kind("networking.istio.io/v1beta1", "ProxyConfig", "proxyconfigs"),
    Kind("networking.istio.io/v1beta1", "WorkloadGroup", "workloadgroups"),
    Kind("telemetry.istio.io/v1", "Telemetry", "telemetries", ("v1alpha1",)),
    Kind("extensions.istio.io/v1alpha1", "WasmPlugin", "wasmplugins"),
    Kind("extensions.istio.io/v1alpha1", "TrafficExtension", "trafficextensions"),
)

ALL = (*RUNNING, *DECIDING, *OTHERS)
# Without these there is no mesh to speak of.
EXPECTED = frozenset({"PeerAuthentication", "DestinationRule"})
