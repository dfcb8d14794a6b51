"""What reads the same in several environments, so that people are shown it once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import structs

from meshgate.model import Finding, Position
from meshgate.wording import joined

# How many environments are named before the rest is counted.
NAMED = 8
# In the place of an environment's name; no text of a report has it.
MARK = "\0"


class SharedFinding(NamedTuple):
    """A finding, and the environments it holds in, in the order of the run.

    elsewhere  where it stands in files that the other environments have of their own
    """

    finding: Finding
    environments: tuple[str, ...]
    elsewhere: tuple[Position, ...] = ()


def shared_findings(
    findings: Iterable[Finding], *, across_files: bool = False
) -> list[SharedFinding]:
    """The findings in their order, each where it first stands; alike but for the environment.

    across_files  also those that stand in a file that each environment has of its own, such as
                  `inventory/ENV/apps.yaml`, whatever line it is there
    """
    alike: dict[Finding, list[Finding]] = {}
    for finding in findings:
        # Two environments of one finding have a fingerprint each.
        key = structs.replace(finding, environment=None, fingerprint="")
        if across_files and finding.environment:
            key = _without_name(key, finding.environment)
        alike.setdefault(key, []).append(finding)
    return [_shared(each) for each in alike.values()]


def _shared(findings: Sequence[Finding]) -> SharedFinding:
    first = findings[0]
    places = dict.fromkeys(each.source for each in findings if each.source)
    return SharedFinding(
        first,
        tuple(dict.fromkeys(each.environment for each in findings if each.environment)),
        tuple(place for place in places if place != first.source),
    )


def _without_name(finding: Finding, environment: str) -> Finding:
    """The finding, with a mark in the place of the environment in its own files and commands."""
    own = re.compile(
        rf"(?<=/){re.escape(environment)}(?=/|\.ya?ml)|(?<=--env ){re.escape(environment)}\b"
    )

    def place(position: Position | None) -> Position | None:
        if position is None or not own.search(position.file):
            return position
        return Position(own.sub(MARK, position.file), 1, 1)

    return structs.replace(
        finding,
        source=place(finding.source),
        fix=own.sub(MARK, finding.fix),
        related=tuple(structs.replace(each, source=place(each.source)) for each in finding.related),
    )


def shared_failures(failures: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names of what could not be judged, by why: `(name, message)` pairs, in their order."""
    alike: dict[str, list[str]] = {}
    for name, message in failures:
        alike.setdefault(message, []).append(name)
    return alike


def enumerated(names: Iterable[str]) -> str:
    """Environments in a row: `dev, staging and prod`; of many the first, and how many more."""
    words = list(names)
    if len(words) > NAMED:
        words = [*words[: NAMED - 1], f"{len(words) - NAMED + 1} more"]
    return joined(words)
