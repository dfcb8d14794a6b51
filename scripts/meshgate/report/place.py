"""How a place in a file is written, and which file is shown for what no manifest says."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.model import Finding, Position, Related

# Declares every environment and what it requires.
ENVIRONMENTS = "environments.yaml"


def place_text(position: Position) -> str:
    """A place as terminals and editors open it: `file:line:column`."""
    return f"{position.file}:{position.line}:{position.column}"


def about(finding: Finding) -> list[str]:
    """The object and the path in it, as far as the finding names them."""
    return [part for part in (str(finding.resource or ""), finding.path) if part]


# A person reads this many places of one finding; JSON, SARIF and HTML have all.
RELATED = 6


def nearest(finding: Finding, all_by: str = "--format json") -> tuple[Sequence[Related], str]:
    """The first related objects, and how many more there are: empty where these are all."""
    more = len(finding.related) - RELATED
    if more <= 1:
        return finding.related, ""
    return finding.related[:RELATED], f"{more} more; {all_by} names them all"
