"""Write the mesh as tables: servers, calls, policies, findings and more, as Parquet files.

One row a thing, the same columns for every environment and every run: docs/tables.md has
them. Tables of many runs may lie below one folder, each in its own; `meshgate query` asks
them all. What cannot be judged is a row of `environments` that says so, and fails the run.

Needs pyarrow and DuckDB beside meshgate: pip install pyarrow duckdb

With --scheduler a Dask cluster judges: each task gives a folder `part-…` of files, written
as it arrives, with the same rows.

examples:
  meshgate tables --to tables
  meshgate tables --to tables/2026-11-30 prod-eu prod-us
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from meshgate.cli.options import add_engine, add_scheduler
from meshgate.cli.progress import OfCluster, track
from meshgate.cli.request import AS_MANY, folder, load, print_failures, scheduler, settings
from meshgate.errors import MeshgateError, gravest
from meshgate.pipeline import judge
from meshgate.pipeline.commit import commit_of
from meshgate.pipeline.targets import select
from meshgate.pipeline.verdicts import VerdictQuestion, tasks_of
from meshgate.pipeline.whole_repository import of_nobody
from meshgate.tables.parquet import Writer
from meshgate.tables.partition import Partitions, PartitionTask, every_row, of_rows
from meshgate.tables.rows import Rows, Run, findings_rows
from meshgate.tables.schema import TABLES
from meshgate.wording import plural

SHORT = 12


def here(
    question: VerdictQuestion, run: Run, options: argparse.Namespace, others: Rows
) -> tuple[Mapping[str, int], dict[str, MeshgateError]]:
    """Judge on this machine: a file a table; how many rows each has, and what was not judged."""
    failures: dict[str, MeshgateError] = {}
    with Writer(options.to) as writer, track("judging", len(question.wanted)) as step:
        # So many environments at a time as are held in memory.
        for task in tasks_of(question, question.run, question.wanted):
            judged = judge(task.run, folder(options), question.settings)
            for each in judged.values():
                if each.name in task.wanted:
                    writer.add(every_row(each, each.environment, question.root, run))
                    if each.failure is not None:
                        failures[each.name] = each.failure
                    step()
        writer.add(others)
    return writer.counts, failures


def on_cluster(
    address: str, question: VerdictQuestion, run: Run, to: Path, others: Rows
) -> tuple[Mapping[str, int], dict[str, MeshgateError]]:
    """The same on a cluster: a folder for each task, written as it arrives."""
    from meshgate.pipeline.dask_cluster import (  # noqa: PLC0415 - only with a scheduler
        Work,
        ended,
        workers,
    )

    making, progress = PartitionTask(run), OfCluster()
    work = Work(making.partition, lambda task: making.ended(task, ended(*task.wanted)))
    tasks = tasks_of(question, question.run, question.wanted, jobs=AS_MANY)
    counts: Counter[str] = Counter(dict.fromkeys(TABLES, 0))
    refused: dict[str, MeshgateError] = {}
    with (
        workers(address, work, progress.counted) as judge_tasks,
        Partitions(to) as partitions,
        progress.track("judging", len(question.wanted)) as step,
    ):
        for partition in itertools.chain(judge_tasks(tasks), [of_rows([others])]):
            partitions.add(partition)
            counts.update(partition.counts)
            refused |= {name: each.error() for name, each in partition.refused.items()}
            for _ in partition.names:
                step()
    return counts, {
        each.name: refused[each.name] for each in question.wanted if each.name in refused
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="the folder to fill")
    parser.add_argument(
        "--run", metavar="NAME", help="how the run is called (default: the commit, or its day)"
    )
    add_scheduler(parser)
    add_engine(parser)


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments and write their rows."""
    root: Path = options.directory
    configuration = load(root)
    every = configuration.environments
    wanted = select(every, options.environments)
    files, how = folder(options), settings(options)
    name = options.run or commit_of(root)[:SHORT] or options.today.isoformat()
    own = Run(name, options.today, datetime.datetime.now(tz=datetime.UTC))
    question = VerdictQuestion(root, every, wanted, how, files.cache)
    left = of_nobody(root, configuration, files, how) if wanted == list(every) else ()
    others = {"findings": findings_rows(left, own)}
    if address := scheduler(options):
        counts, failures = on_cluster(address, question, own, options.to, others)
    else:
        counts, failures = here(question, own, options, others)
    counted = ", ".join(f"{count} {table}" for table, count in counts.items())
    print(
        f"meshgate: {plural(len(wanted), 'environment')} in {options.to}: {counted}",
        file=sys.stderr,
    )
    print_failures(failures)
    return gravest(failure.exit_code for failure in failures.values())
