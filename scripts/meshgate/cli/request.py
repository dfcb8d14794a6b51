"""What a command line asks of the pipeline."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from meshgate import config
from meshgate.cli.options import cache_folder
from meshgate.cli.progress import OfCluster, track
from meshgate.cli.terminal import printable
from meshgate.config import Configuration
from meshgate.errors import MeshgateError, gravest
from meshgate.model import Environment, Finding
from meshgate.pipeline import Folder, Judged, Settings, judge, with_upstream
from meshgate.pipeline.cluster_names import refuse_overlaps_of_argocd
from meshgate.pipeline.files import Track
from meshgate.pipeline.judged import cause
from meshgate.pipeline.manifests import ManifestArguments
from meshgate.pipeline.outcome import RunOutcome
from meshgate.pipeline.raised_severities import refuse_unknown_rules
from meshgate.pipeline.reports import NEVER, exit_code, failing, failures_of, undecided_note
from meshgate.pipeline.targets import STDIN, select
from meshgate.pipeline.verdicts import FEW, Judge
from meshgate.report.shared_findings import enumerated, shared_failures
from meshgate.wording import agree

PINNED = "pinned"
SCHEDULER_VARIABLE = "DASK_SCHEDULER_ADDRESS"
# Tasks are made for so many workers of a cluster, however many there are just now.
AS_MANY = 32


class Judging(NamedTuple):
    """Who judges: how many at once, who they are, from how many environments on; and progress."""

    jobs: int
    pool: Callable[[int], AbstractContextManager[Judge]]
    least: int
    track: Track = track


def settings(options: argparse.Namespace, *, complete: bool = True) -> Settings:
    """How everything is judged."""
    return Settings(options.today, options.engine, complete)


def manifests_of(
    options: argparse.Namespace, paths: Sequence[str], namespace: str | None = None
) -> ManifestArguments:
    """The manifests that words of the command line name."""
    return ManifestArguments(
        paths,
        sys.stdin.buffer.read() if STDIN in paths else b"",
        namespace,
        options.exclude,
        options.raw,
        cache_folder(options),
    )


def folder(options: argparse.Namespace, root: Path | None = None) -> Folder:
    """The files of a repository; by default of the one that is judged."""
    return Folder(root or options.directory, cache=cache_folder(options), track=track)


def pool(jobs: int) -> AbstractContextManager[Judge]:
    """Processes that judge; what they need is imported where there are enough environments."""
    from meshgate.pipeline.pool import processes  # noqa: PLC0415 - see above

    return processes(jobs)


def scheduler(options: argparse.Namespace) -> str:
    """The address of the cluster that judges; empty for this machine."""
    if options.scheduler is not None:
        return str(options.scheduler)
    return os.environ.get(SCHEDULER_VARIABLE, "")


def judging(options: argparse.Namespace) -> Judging:
    """Who judges many environments: processes of this machine, or the workers of a cluster."""
    address = scheduler(options)
    if not address:
        return Judging(options.jobs or os.cpu_count() or 1, pool, FEW)
    from meshgate.pipeline.dask_cluster import cluster  # noqa: PLC0415 - only with a scheduler

    progress = OfCluster()
    return Judging(AS_MANY, lambda _: cluster(address, progress.counted), 1, progress.track)


def load(root: Path) -> Configuration:
    """The configuration of a repository, for every command that judges it.

    Raises UsageError, also for rules of promotion that `check` and `status` would not take and for
    clusters that Argo CD would let two environments write to, and for a severity of no rule.
    """
    configuration = config.load(root)
    pinned = any(environment.mode == PINNED for environment in configuration.environments)
    if pinned or configuration.gates or configuration.windows:
        from meshgate.promotion.policy_reader import read_policy  # noqa: PLC0415 - slow to import

        read_policy(configuration)
    refuse_overlaps_of_argocd(root, configuration.environments)
    refuse_unknown_rules(root, configuration.environments)
    return configuration


def environments_of(options: argparse.Namespace, names: Iterable[str]) -> list[Environment]:
    """Environments of the repository, all of them for no name. Raises UsageError."""
    return select(load(options.directory).environments, list(names))


def judge_wanted(options: argparse.Namespace, wanted: list[Environment]) -> dict[str, Judged]:
    """The environments, judged; with findings asked for, also those they are compared with."""
    if options.fail_on != NEVER:
        wanted = with_upstream(wanted, config.load(options.directory).environments)
    return judge(wanted, folder(options), settings(options))


def end(options: argparse.Namespace, judged: Mapping[str, Judged], wanted: Iterable[str]) -> int:
    """Say what could not be judged; the exit code of a command that reports no findings."""
    failures = failures_of(judged)
    print_failures(failures)
    if options.fail_on == NEVER:
        return exit_code((), failures.values(), NEVER)
    asked = [judged[name] for name in wanted]
    findings = [finding for each in asked for finding in each.findings]
    return code_of(options.fail_on, findings, failures.values(), asked)


def code_of(
    fail_on: str,
    findings: Sequence[Finding],
    failures: Iterable[MeshgateError],
    judged: Iterable[Judged],
) -> int:
    """The exit code of a run that shows something else than findings; says what fails it."""
    print_failing(failing(findings, fail_on))
    undecided = undecided_note(judged, fail_on)
    print_undecided(undecided)
    return gravest([exit_code(findings, failures, fail_on), int(bool(undecided))])


def print_failing(findings: Sequence[Finding]) -> None:
    """Say on standard error which findings fail a run that shows something else."""
    if findings:
        others = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        print(
            f"meshgate: {printable(cause(findings[0]))}{others}; "
            "`meshgate validate` or `meshgate lint` tells more",
            file=sys.stderr,
        )


def print_undecided(notes: Iterable[str]) -> None:
    """Say on standard error what fails such a run since it is undecided."""
    for note in notes:
        print(f"meshgate: {note}", file=sys.stderr)


def print_failures(failures: Mapping[str, MeshgateError]) -> None:
    """Say on standard error which environments could not be judged, and why."""
    messages = ((name, str(failure)) for name, failure in failures.items())
    for message, names in shared_failures(messages).items():
        were = agree(len(names), "was", "were")
        where = f"{enumerated(names)} {were} not judged: " if names[0] else ""
        print(f"meshgate: {where}{printable(message)}", file=sys.stderr)


def print_refused(outcome: RunOutcome) -> None:
    """Say on standard error which environments could not be adopted, and why."""
    for error in outcome.refused.values() if outcome.fail_on != NEVER else ():
        print(f"meshgate: {printable(str(error))}", file=sys.stderr)
