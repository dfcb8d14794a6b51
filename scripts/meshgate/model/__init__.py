"""Plain values that every layer shares: resources, findings, facts about a mesh."""

from meshgate.model.build import (
    BuildRecord,
    BuildStep,
    Defect,
)
from meshgate.model.environment import (
    MESH_KINDS,
    After,
    ClusterSelection,
    Environment,
    EnvironmentEntry,
    EnvironmentSettings,
    ExtensionProvider,
    Floor,
    MeshFacts,
    OutsideHost,
    RequiredApprovals,
    ReviewTeams,
    WildcardHost,
)
from meshgate.model.finding import (
    Failure,
    Finding,
    Related,
    Report,
    SchemaViolation,
    Severity,
    Tally,
    fingerprint,
)
from meshgate.model.origin import (
    Origin,
    Position,
)
from meshgate.model.repository import (
    SYNC_NAME,
    ArgoCDSettings,
    FluxSettings,
    GateEntry,
    Pause,
    SyncSettings,
    SyncVerification,
    WindowEntry,
)
from meshgate.model.resource import (
    CLUSTER_WIDE_KINDS,
    Resource,
    ResourceIndex,
    ResourceRef,
)
from meshgate.model.scope import (
    DEFAULT_NAMESPACE,
    Scopes,
)
from meshgate.model.traffic import (
    UNKNOWN_CLIENT,
    SeenCall,
    SeenSecurity,
    Traffic,
    TrafficWindow,
)
from meshgate.model.value import (
    JSON,
    JSONObject,
    join_path,
    split_path,
    value_at,
)
from meshgate.model.variables import (
    Substituted,
    substituted,
)
from meshgate.model.waiver import (
    Acknowledgement,
    Difference,
    Expectation,
    Waiver,
)

__all__ = [
    "CLUSTER_WIDE_KINDS",
    "DEFAULT_NAMESPACE",
    "JSON",
    "MESH_KINDS",
    "SYNC_NAME",
    "UNKNOWN_CLIENT",
    "Acknowledgement",
    "After",
    "ArgoCDSettings",
    "BuildRecord",
    "BuildStep",
    "ClusterSelection",
    "Defect",
    "Difference",
    "Environment",
    "EnvironmentEntry",
    "EnvironmentSettings",
    "Expectation",
    "ExtensionProvider",
    "Failure",
    "Finding",
    "Floor",
    "FluxSettings",
    "GateEntry",
    "JSONObject",
    "MeshFacts",
    "Origin",
    "OutsideHost",
    "Pause",
    "Position",
    "Related",
    "Report",
    "RequiredApprovals",
    "Resource",
    "ResourceIndex",
    "ResourceRef",
    "ReviewTeams",
    "SchemaViolation",
    "Scopes",
    "SeenCall",
    "SeenSecurity",
    "Severity",
    "Substituted",
    "SyncSettings",
    "SyncVerification",
    "Tally",
    "Traffic",
    "TrafficWindow",
    "Waiver",
    "WildcardHost",
    "WindowEntry",
    "fingerprint",
    "join_path",
    "split_path",
    "substituted",
    "value_at",
]
