"""Render, check and judge every environment of this repository.

Each environment of environments.yaml is rendered by kustomize, checked against the
schemas of its Istio version, and judged by every rule together with its inventory.
Every environment is judged, whatever another one does.

examples:
  meshgate validate                        every environment
  meshgate validate prod                   one of them
  meshgate validate --changed-since main   only those that a branch changes
  meshgate validate --format sarif=out.sarif --format text
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from meshgate import __version__, config
from meshgate.cli.meshes import view_of
from meshgate.cli.options import add_follow_ups, add_judging, add_narrowing, cache_folder
from meshgate.cli.output import publish_report, write
from meshgate.cli.request import folder, print_failures, settings
from meshgate.cli.terminal import printable
from meshgate.errors import MeshgateError, RefusedError, gravest
from meshgate.model import Environment, Report
from meshgate.pipeline import Judged, judge, with_upstream
from meshgate.pipeline.cluster_names import refuse_overlaps_of_argocd
from meshgate.pipeline.narrowed import narrow
from meshgate.pipeline.reports import (
    NEVER,
    UNDECIDED,
    baseline_note,
    exit_code,
    failures_of,
    notes_on,
    report_of,
    tally,
    undecided_note,
    untold,
)
from meshgate.pipeline.targets import select
from meshgate.pipeline.touched import touched
from meshgate.pipeline.whole import of_nobody

PINNED = "pinned"
ERROR = "error"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_judging(parser, by_floor=True)
    add_narrowing(parser)
    add_follow_ups(parser)
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        type=Path,
        help="write how the environments stand for Prometheus, as a textfile",
    )
    parser.add_argument(
        "--changed-since",
        metavar="REF",
        help="only environments whose inputs differ from the merge base with this git reference",
    )


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments; findings on standard output."""
    root: Path = options.directory
    configuration = config.load(root)
    environments = configuration.environments
    refuse_policy(configuration)
    refuse_overlaps_of_argocd(root, environments)
    options.rule_link = configuration.links.rules
    wanted = select(environments, options.environments)
    if options.changed_since:
        wanted = changed(root, wanted, options.changed_since, cache_folder(options))
    fail_on = options.fail_on or (
        UNDECIDED if any(each.require.refuses_undecided for each in wanted) else ERROR
    )
    files, how = folder(options), settings(options)
    judged = judge(with_upstream(wanted, environments), files, how)
    asked = [judged[environment.name] for environment in wanted]
    findings = [finding for each in asked for finding in each.findings]
    if wanted == list(environments):
        findings += of_nobody(root, configuration, files, how)
    failures = failures_of(judged)
    shown = untold(failures, [environment.name for environment in wanted])
    built = [each for each in asked if each.context is not None]
    refused = refused_adoptions(root, built) if fail_on != NEVER else {}
    undecided = undecided_note(built, fail_on)
    of_refused = [error.what for error in refused.values()]
    if options.metrics:
        write_metrics(options, report_of(findings, (), files.locate, (), shown), wanted, built)
    findings, left_out = narrow(findings, options.select, options.ignore)
    notes = [
        *baseline_note(findings), *notes_on(built), *undecided, *of_refused, *left_out
    ]  # fmt: skip
    if not wanted:
        notes = [f"no environment's inputs changed since {options.changed_since}"]
    report = report_of(findings, [tally(each) for each in built], files.locate, notes, shown)
    publish_report(report, options)
    print_failures(shown)
    for error in refused.values():
        print(f"meshgate: {printable(str(error))}", file=sys.stderr)
    code = exit_code(findings, [*failures.values(), *refused.values()], fail_on)
    return gravest([code, int(bool(undecided))])


def write_metrics(
    options: argparse.Namespace,
    report: Report,
    wanted: Sequence[Environment],
    judged: Sequence[Judged],
) -> None:
    """Write the textfile, whole: a collector may read it at any moment."""
    from meshgate.cli.page_history import lags  # noqa: PLC0415 - promotion is slow to import
    from meshgate.report.metrics import Metrics, render  # noqa: PLC0415 - only for this option

    metrics = Metrics(
        report,
        [view_of(each) for each in judged],
        wanted,
        lags(options),
        datetime.datetime.now(tz=datetime.UTC),
        __version__,
    )
    file: Path = options.metrics
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    write(beside, render(metrics))
    beside.replace(file)


def refuse_policy(configuration: config.Configuration) -> None:
    """Raise UsageError for rules of promotion that `check` and `status` would not take."""
    pinned = any(environment.mode == PINNED for environment in configuration.environments)
    if pinned or configuration.gates or configuration.windows:
        from meshgate.promotion.policy_reader import read_policy  # noqa: PLC0415 - slow to import

        read_policy(configuration)


def refused_adoptions(root: Path, judged: Iterable[Judged]) -> dict[str, MeshgateError]:
    """The pinned environments that `adopt` would refuse, each with the first reason."""
    refused: dict[str, MeshgateError] = {}
    for each in judged:
        if each.failure is not None or each.environment.mode != PINNED:
            continue
        from meshgate.adoption.plan import refusals  # noqa: PLC0415 - slow to import

        if lacks := refusals(root, each.environment, each):
            refused[each.name] = RefusedError(
                f"{each.name} is pinned, and `meshgate adopt` would refuse it: {lacks[0].what}",
                why="\n".join(lacks[0].todo),
                hint=f"`meshgate adopt {each.name} --plan` lists all that is missing",
            )
    return refused


def changed(
    root: Path, environments: Sequence[Environment], reference: str, cache: Path | None = None
) -> list[Environment]:
    """The environments whose inputs differ from the merge base with `reference`."""
    from meshgate import repository  # noqa: PLC0415 - GitPython is slow to import
    from meshgate.pipeline.input_index import InputIndex  # noqa: PLC0415 - likewise

    change = repository.changed(root, reference)
    index = InputIndex(root, cache, change)
    reached = touched(root, environments, change.files, index.inputs)
    index.keep()
    return reached
