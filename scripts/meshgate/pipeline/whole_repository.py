"""All that is to be said of a repository, what is of none of its environments included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from meshgate import source
from meshgate.config import Configuration
from meshgate.errors import MeshgateError
from meshgate.model import Environment, Finding
from meshgate.pipeline.files import Files
from meshgate.pipeline.judged import Judged, Settings, judge, judge_sources
from meshgate.pipeline.reports import failures_of


class JudgedRepository(Struct, frozen=True):
    """A repository, judged.

    findings  of every environment in their order, and of none
    failures  by the environment that could not be judged
    """

    configuration: Configuration
    judged: Mapping[str, Judged]
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> dict[str, MeshgateError]:
        return failures_of(self.judged)

    @property
    def names(self) -> set[str]:
        """The environments that could be judged, and none."""
        return {"", *self.judged} - self.failures.keys()


def judge_repository(
    root: Path, configuration: Configuration, files: Files, settings: Settings
) -> JudgedRepository:
    """Judge everything below `root`."""
    judged = judge(configuration.environments, files, settings)
    findings = [finding for each in judged.values() for finding in each.findings]
    findings += of_nobody(root, configuration, files, settings)
    return JudgedRepository(configuration, judged, tuple(findings))


def of_nobody(
    root: Path, configuration: Configuration, files: Files, settings: Settings
) -> tuple[Finding, ...]:
    """What is found in manifests that no environment reaches at all."""
    environments = configuration.environments
    defects = source.survey_repository(root, [each.sources for each in environments])
    waivers = tuple(waiver for each in environments for waiver in each.waivers)
    nobody = Environment(name="", waivers=waivers, baseline=configuration.baseline)
    return judge_sources(nobody, defects, files, settings)
