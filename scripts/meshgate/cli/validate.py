"""Render, check and judge every environment of this repository.

Each environment of environments.yaml is rendered by kustomize, checked against the
schemas of its Istio version, and judged by every rule together with its inventory.
Every environment is judged, whatever another one does.

examples:
  meshgate validate                        every environment
  meshgate validate prod                   one of them
  meshgate validate --changed-since main   only those that a branch changes
  meshgate validate --format sarif=out.sarif --format text
  meshgate validate --shard 3/16 --part 3.json   for `meshgate merge-reports`
"""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import structs

from meshgate import __version__
from meshgate.cli.meshes import view_of
from meshgate.cli.options import add_follow_ups, add_jobs, add_judging, add_narrowing, cache_folder
from meshgate.cli.output import publish_report, write
from meshgate.cli.request import folder, judging, load, print_failures, print_refused, settings
from meshgate.cli.sharding import add_shards, sharded
from meshgate.errors import MeshgateError, RefusedError
from meshgate.model import Environment, Report
from meshgate.pipeline import Folder, Judged, judge
from meshgate.pipeline.affected import affected
from meshgate.pipeline.outcome import RunOutcome, ending
from meshgate.pipeline.reports import NEVER, UNDECIDED, fail_on_floor
from meshgate.pipeline.shard_part import part_text
from meshgate.pipeline.targets import select
from meshgate.pipeline.verdict import EnvironmentVerdict
from meshgate.pipeline.verdicts import VerdictQuestion, tasks_of, verdicts, verdicts_of
from meshgate.pipeline.whole_repository import of_nobody

PINNED = "pinned"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_judging(parser, by_floor=True)
    add_narrowing(parser)
    add_follow_ups(parser)
    add_jobs(parser)
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        type=Path,
        help="write how the environments stand for Prometheus, as a textfile",
    )
    add_shards(parser)
    parser.add_argument(
        "--changed-since",
        metavar="REF",
        help="only environments whose inputs differ from the merge base with this git reference",
    )


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments; findings on standard output."""
    root: Path = options.directory
    configuration = load(root)
    environments = configuration.environments
    options.rule_link = configuration.links.rules
    wanted = select(environments, options.environments)
    if options.changed_since:
        wanted = changed(root, wanted, options.changed_since, cache_folder(options))
    fail_on = options.fail_on or fail_on_floor(wanted)
    note = "" if wanted else f"no environment's inputs changed since {options.changed_since}"
    share = sharded(options, configuration, wanted, note=note)
    everything, wanted = wanted == list(environments), share.own
    files, how = folder(options), settings(options)
    counts = UNDECIDED in {fail_on, share.whole.fail_on if options.part else fail_on}
    question = VerdictQuestion(
        root, environments, wanted, how, files.cache, undecided=counts, beside=share.beside
    )
    judged: dict[str, Judged] = {}
    if options.metrics:
        judged = judge(question.run, files, how)
        found = verdicts_of(question, judged)
    else:
        found = verdicts(question, **judging(options)._asdict())
    outcome = RunOutcome(
        found,
        [each.name for each in wanted],
        fail_on,
        of_nobody(root, configuration, files, how) if everything and share.is_first else (),
        refused_adoptions(root, question, found, files) if fail_on != NEVER or options.part else {},
        "" if wanted else note or f"shard {share.shard} has no environment",
    )
    if options.part:
        write(options.part, part_text(share.shard, share.whole, outcome, files.locate))
    ended = ending(outcome, files.locate, options.select, options.ignore)
    if options.metrics:
        full = ending(outcome, files.locate).report
        built = [each for each in judged.values() if each.context and each.environment in wanted]
        write_metrics(options, structs.replace(full, notes=(), tallies=()), wanted, built)
    publish_report(ended.report, options)
    print_failures(ended.failures)
    print_refused(outcome)
    return ended.code


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


def refused_adoptions(
    root: Path, question: VerdictQuestion, found: Mapping[str, EnvironmentVerdict], files: Folder
) -> dict[str, MeshgateError]:
    """The pinned environments that `adopt` would refuse, each with the first reason."""
    pinned = [
        each for each in question.wanted if each.mode == PINNED and found[each.name].refused is None
    ]
    if not pinned:
        return {}
    from meshgate.adoption.plan import may_be_refused, refusals  # noqa: PLC0415 - slow to import

    asked = [each for each in pinned if may_be_refused(root, each)]
    judged: dict[str, Judged] = {}
    for task in tasks_of(question, question.run, asked):
        judged |= judge(task.run, files, question.settings)
    refused: dict[str, MeshgateError] = {}
    for each in asked:
        if lacks := refusals(root, each, judged[each.name]):
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
    reached = affected(root, environments, change.files, index.inputs)
    index.keep()
    return reached
