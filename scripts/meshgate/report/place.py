"""How a place in a file is told, and which file is shown for what no manifest says."""

from __future__ import annotations

from meshgate.model import Finding, Position

# Declares every environment and what it requires.
ENVIRONMENTS = "environments.yaml"


def told(position: Position) -> str:
    """A place as terminals and editors open it: `file:line:column`."""
    return f"{position.file}:{position.line}:{position.column}"


def about(finding: Finding) -> list[str]:
    """The object and the path in it, as far as the finding names them."""
    return [part for part in (str(finding.resource or ""), finding.path) if part]
