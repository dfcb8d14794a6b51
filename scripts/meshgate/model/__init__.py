"""Plain values that every layer shares: resources, findings, facts about a mesh."""

from meshgate.model.build import (
    BuildRecord,
    Defect,
    Step,
)
from meshgate.model.environment import (
    Environment,
    Floor,
    MeshFacts,
    OutsideHost,
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
from meshgate.model.resource import (
    CLUSTER_WIDE_KINDS,
    Resource,
    ResourceIndex,
    ResourceRef,
)
from meshgate.model.traffic import (
    SeenCall,
    SeenSecurity,
    Traffic,
)
from meshgate.model.value import (
    JSON,
    JSONObject,
    join_path,
    split_path,
    value_at,
)
from meshgate.model.waiver import (
    Acknowledgement,
    Difference,
    Expectation,
    Waiver,
)

__all__ = [
    "CLUSTER_WIDE_KINDS",
    "JSON",
    "Acknowledgement",
    "BuildRecord",
    "Defect",
    "Difference",
    "Environment",
    "Expectation",
    "Failure",
    "Finding",
    "Floor",
    "JSONObject",
    "MeshFacts",
    "Origin",
    "OutsideHost",
    "Position",
    "Related",
    "Report",
    "Resource",
    "ResourceIndex",
    "ResourceRef",
    "SchemaViolation",
    "SeenCall",
    "SeenSecurity",
    "Severity",
    "Step",
    "Tally",
    "Traffic",
    "Waiver",
    "WildcardHost",
    "fingerprint",
    "join_path",
    "split_path",
    "value_at",
]
