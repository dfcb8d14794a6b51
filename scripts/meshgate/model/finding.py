"""What a run has to say: findings, what was judged and what could not be."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct, field

from meshgate.model.origin import Position
from meshgate.model.resource import Resource, ResourceRef
from meshgate.model.waiver import Waiver


class Severity(enum.StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


class Related(Struct, frozen=True):
    """A second object that a finding is about."""

    resource: ResourceRef
    message: str
    source: Position | None = None


class Finding(Struct, frozen=True):
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


class SchemaViolation(Struct, frozen=True):
    """What the API server or istiod's webhook would refuse, before any rule is asked."""

    rule: str  # SH002 | SH003 | SH004 | SH007
    resource: Resource
    path: str
    message: str
    # Empty: the rule's own fix is shown.
    fix: str = ""
    # Whether it is refused for a null where a value is wanted.
    is_null: bool = False


class Tally(Struct, frozen=True):
    """How much of one environment was judged."""

    environment: str | None
    policies: int
    inventory: int


class Failure(NamedTuple):
    """An environment, or a file, that could not be judged, which is never a pass."""

    environment: str  # or the file's name
    message: str
    is_file: bool = False


class Report(Struct, frozen=True):
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
