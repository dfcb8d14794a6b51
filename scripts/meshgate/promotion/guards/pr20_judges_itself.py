"""A promotion is judged by the rules of the base branch, and brings none of its own."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.guards.guard import Guard, Objection

TOOL = "meshgate"
# What decides how a promotion is judged.
RULES = (
    "environments.yaml",
    "baseline.yaml",
    "waivers/",
    "inventory/",
    "expectations/",
    "schemas/",
    "scripts/",
)


def check(candidate: Candidate) -> Iterator[Objection]:
    """Look for rules among the changed files, and for a record of another tool."""
    if candidate.configured_from != candidate.base.commit:
        yield Objection(
            f"its rules were read at {candidate.configured_from[:12]}, and the base is "
            f"{candidate.base.commit[:12]}"
        )
    for change in candidate.changed:
        if change.path.startswith(RULES):
            yield Objection(f"{change.path} is {change.kind}: it decides how this is judged")
    if candidate.record.tool.get("name") != TOOL:
        yield Objection(f"its record was not written by {TOOL}")


GUARD = Guard(
    id="PR20",
    name="judges-itself",
    summary="the rules it is judged by are not those of the base branch",
    why="A pull request that brings its own rules passes them.",
    hint="change the rules in a pull request of their own, and promote when it is merged",
    status="scope",
    check=check,
    follows_rules=False,
)
