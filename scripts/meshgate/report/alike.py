"""What reads the same in several environments, so that people are shown it once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import structs

from meshgate.model import Finding
from meshgate.wording import joined

# How many environments are named before the rest is counted.
NAMED = 8


class SharedFinding(NamedTuple):
    """A finding, and the environments it holds in, in the order of the run."""

    finding: Finding
    environments: tuple[str, ...]


def shared_findings(findings: Iterable[Finding]) -> list[SharedFinding]:
    """The findings in their order, each where it first stands; alike but for the environment."""
    alike: dict[Finding, list[str]] = {}
    first: dict[Finding, Finding] = {}
    for finding in findings:
        # Two environments of one finding have a fingerprint each.
        key = structs.replace(finding, environment=None, fingerprint="")
        first.setdefault(key, finding)
        alike.setdefault(key, []).extend([finding.environment] if finding.environment else [])
    return [SharedFinding(first[key], tuple(names)) for key, names in alike.items()]


def enumerated(names: Iterable[str]) -> str:
    """Environments in a row: `dev, staging and prod`; of many the first, and how many more."""
    words = list(names)
    if len(words) > NAMED:
        words = [*words[: NAMED - 1], f"{len(words) - NAMED + 1} more"]
    return joined(words)
