"""An environment: the facts of its mesh and what it requires of its policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshgate.model.finding import Severity
from meshgate.model.origin import Position
from meshgate.model.value import JSONObject
from meshgate.model.waiver import Acknowledgement, Difference, Expectation, Waiver


@dataclass(frozen=True, slots=True)
class OutsideHost:
    """A host that has no sidecar, on purpose."""

    host: str
    reason: str
    # Two meshes are equal whatever the line of their files.
    source: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class MeshFacts:
    """What MeshConfig and the installation say. Defaults are Istio's (pkg/config/mesh/mesh.go)."""

    istio: str = "1.31"
    distribution: str = "istio"
    data_plane: str = "sidecar"
    root_namespace: str = "istio-system"
    cluster_domain: str = "cluster.local"
    enable_auto_mtls: bool = True
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    outbound_traffic_policy: str = "ALLOW_ANY"
    rewrite_app_http_probe: bool = True
    revision: str = ""
    # Kubernetes label selectors of meshConfig.discoverySelectors; empty: every namespace is seen.
    discovery_selectors: tuple[JSONObject, ...] = ()
    outside: tuple[OutsideHost, ...] = ()

    @property
    def api_server_host(self) -> str:
        """The API server's host, outside every mesh."""
        return f"kubernetes.default.svc.{self.cluster_domain}"


@dataclass(frozen=True, slots=True)
class WildcardHost:
    """A wildcard host that the floor allows, with the place and the TLS mode it is allowed for."""

    host: str
    namespace: str
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """What an environment requires of its policies."""

    mtls: str = "STRICT"
    wildcard_hosts: tuple[WildcardHost, ...] = ()
    # None: every kind of the mesh API.
    kinds: tuple[str, ...] | None = None
    severities: Mapping[str, Severity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """One entry of `environments.yaml`, with what its other files say."""

    name: str
    overlay: str = ""
    mode: str = "floating"
    after: tuple[str, ...] = ()
    clusters: JSONObject = field(default_factory=dict)
    mesh: MeshFacts = field(default_factory=MeshFacts)
    require: Floor = field(default_factory=Floor)
    waivers: tuple[Waiver, ...] = ()
    differences: tuple[Difference, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    expectations: tuple[Expectation, ...] = ()
