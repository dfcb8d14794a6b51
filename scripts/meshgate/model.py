"""Plain values that every layer shares: resources, findings, facts about a mesh."""

from __future__ import annotations

import datetime
import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

# Manifests are untyped until a schema has judged them; this is the one home of `Any`.
JSON: TypeAlias = Any
JSONObject: TypeAlias = dict[str, Any]

# Kinds without a namespace, of Kubernetes itself and of what comes with a mesh.
CLUSTER_WIDE_KINDS = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
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

PATH_KEY_NEEDS_QUOTES = frozenset(".[]\"' ")


def join_path(*parts: str | int) -> str:
    """A finding's path: `spec.subsets[0].name`; a key with a dot is quoted: `labels["a.b/c"]`."""
    out = ""
    for part in parts:
        if isinstance(part, int):
            out += f"[{part}]"
        elif PATH_KEY_NEEDS_QUOTES.isdisjoint(part) and part:
            out += f".{part}" if out else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            out += f'["{escaped}"]'
    return out


def split_path(path: str) -> list[str | int]:
    """The parts of a finding's path, the inverse of `join_path`."""
    parts: list[str | int] = []
    i = 0
    while i < len(path):
        if path[i] == ".":
            i += 1
        elif path.startswith('["', i):
            i += 2
            key = ""
            while path[i] != '"':
                i += path[i] == "\\"
                key += path[i]
                i += 1
            parts.append(key)
            i += 2
        elif path[i] == "[":
            end = path.index("]", i)
            parts.append(int(path[i + 1 : end]))
            i = end + 1
        else:
            end = i
            while end < len(path) and path[end] not in ".[":
                end += 1
            parts.append(path[i:end])
            i = end
    return parts


def value_at(value: JSON, path: str) -> JSON:
    """The value at a path, or None where the path leads nowhere."""
    for part in split_path(path):
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return None
            value = value[part]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


class Position(NamedTuple):
    """A place a person can open: file relative to the judged folder; line and column from 1."""

    file: str
    line: int
    column: int


class Origin(NamedTuple):
    """The document an object was written in: file relative to the judged folder; index from 0."""

    file: str
    document: int = 0


class ResourceRef(NamedTuple):
    """What identifies an object; `namespace` is None where it is cluster-wide or none is set."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
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


class Severity(enum.StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Related:
    """A second object that a finding is about."""

    resource: ResourceRef
    message: str
    source: Position | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted finding, written in `waivers/<environment>.yaml`."""

    rule: str
    resource: str  # Kind/namespace/name, Kind/name for cluster-wide objects
    owner: str
    reason: str
    expires: datetime.date
    path: str | None = None
    source: Position | None = None

    def covers(self, rule: str, resource: ResourceRef | None, path: str) -> bool:
        """Whether this waiver names that finding: rule and object equal; path equal or above it."""
        if self.rule != rule or resource is None or str(resource) != self.resource:
            return False
        if self.path is None or self.path == path:
            return True
        return path.startswith(self.path) and path[len(self.path)] in ".["


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one place. `source` is the line a person must edit."""

    rule: str
    name: str
    severity: Severity
    message: str
    fix: str
    decided: bool = True
    environment: str | None = None
    resource: ResourceRef | None = None
    path: str = ""
    source: Position | None = None
    related: tuple[Related, ...] = ()
    fingerprint: str = ""
    waiver: Waiver | None = None


def fingerprint(*parts: str | None) -> str:
    """32 hex digits that stay the same while a finding stays the same: no line, no wording."""
    joined = "\0".join(part or "" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]


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
class Expectation:
    """A user-written assertion: a call from `client` to `host`:`port` ends in `outcome`."""

    client: str  # NS/WORKLOAD
    host: str
    port: int
    outcome: str
    source: Position | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A declared difference to the environment before: one port may be weaker here."""

    workload: str  # NS/WORKLOAD
    port: int | None
    owner: str
    reason: str
    expires: datetime.date
    source: Position | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An accepted break: exactly this set of calls may stop to work with this release."""

    release: str
    breaks: str  # digest of the set
    owner: str
    reason: str
    until: datetime.date
    source: Position | None = None


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


class SeenSecurity(enum.StrEnum):
    """What a server saw of a connection: `connection_security_policy` of Istio's metrics."""

    MUTUAL_TLS = "mutual_tls"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SeenCall:
    """Calls of one client to one service port, seen in reality.

    client       NS/WORKLOAD; empty: a client that the mesh does not know
    host         host of the service; empty: the workload was called directly
    port         port of the service; None: not known
    server       NS/WORKLOAD that answered; empty: not known
    server_port  port of that workload, which a Service may give another number; None: not known
    rate         requests, or connections of TCP, per second
    """

    client: str
    host: str
    port: int | None
    server: str
    server_port: int | None
    security: SeenSecurity
    rate: float
    last_seen: datetime.datetime
    # One call is the same call whatever the line of its file.
    source: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The calls seen between two times; `environment` None: the file does not say where."""

    calls: tuple[SeenCall, ...]
    start: datetime.datetime
    end: datetime.datetime
    source: str
    environment: str | None = None
    file: str = ""


class Defect(NamedTuple):
    """Something in a source file that two readers take differently.

    kind: `duplicate-key`, `integer-key`, `ambiguous-scalar`, `remote-reference`, `orphan-file`.
    """

    kind: str
    position: Position
    path: str
    detail: str  # the key, the scalar as written, the reference
    origin: Origin
    # Where the same key stood first, for a duplicate key.
    first: Position | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain of values that ends in a rendered resource."""

    kind: str  # base | patch | transformer
    origin: Origin  # the patch file, or the kustomization that holds an inline patch
    before: JSONObject | None
    after: JSONObject
    # Where the patch itself starts, and what it says (None: not a merge patch).
    position: Position | None = None
    patch: JSON = None
    # What a JSON patch (RFC 6902) does, one mapping each.
    operations: tuple[JSON, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """How the judged resources came to be: defects of sources, each object's chain of values."""

    defects: tuple[Defect, ...] = ()
    chains: Mapping[ResourceRef, tuple[Step, ...]] = field(default_factory=dict)
    # Patches that match no object at all, by origin.
    idle_patches: tuple[Step, ...] = ()


class SchemaViolation(NamedTuple):
    """What the API server or istiod's webhook would refuse, before any rule is asked."""

    rule: str  # SH002 | SH003 | SH004 | SH007
    resource: Resource
    path: str
    message: str
    # Empty: the rule's own fix is shown.
    fix: str = ""


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


class Tally(NamedTuple):
    """How much of one environment was judged."""

    environment: str | None
    policies: int
    inventory: int


class Failure(NamedTuple):
    """An environment that could not be judged, which is never a pass."""

    environment: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run has to say; every report format renders this and nothing else."""

    # Sorted by environment, file, line, rule; waived findings are in it, with their waiver.
    findings: tuple[Finding, ...]
    tallies: tuple[Tally, ...] = ()
    # The source line at each position that a finding shows.
    excerpts: Mapping[Position, str] = field(default_factory=dict)
    # Sentences about the run as a whole, such as what was not judged.
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def open(self) -> tuple[Finding, ...]:
        """The findings that no waiver covers."""
        return tuple(finding for finding in self.findings if finding.waiver is None)

    def count(self, severity: Severity) -> int:
        """How many open findings have this severity."""
        return sum(finding.severity is severity for finding in self.open)

    @property
    def undecided(self) -> int:
        """How many open findings say that something cannot be decided."""
        return sum(not finding.decided for finding in self.open)
