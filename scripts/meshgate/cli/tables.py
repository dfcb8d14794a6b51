"""Write the mesh as tables: servers, calls, policies, findings and more, as Parquet files.

One row a thing, the same columns for every environment and every run: docs/tables.md has
them. Tables of many runs may lie below one folder, each in its own; `meshgate query` asks
them all. What cannot be judged is a row of `environments` that says so, and fails the run.

Needs pyarrow and DuckDB beside meshgate: pip install pyarrow duckdb

examples:
  meshgate tables --to tables
  meshgate tables --to tables/2026-11-30 prod-eu prod-us
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from meshgate import config
from meshgate.cli.options import add_engine
from meshgate.cli.progress import track
from meshgate.cli.request import folder, print_failures, settings
from meshgate.errors import MeshgateError, gravest
from meshgate.pipeline import judge
from meshgate.pipeline.commit import commit_of
from meshgate.pipeline.targets import select
from meshgate.pipeline.verdicts import Question, tasks_of
from meshgate.pipeline.whole import of_nobody
from meshgate.tables.parquet import Writer
from meshgate.tables.rows import Run, findings_rows, ledger_rows, rows_of
from meshgate.wording import plural

SHORT = 12


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="the folder to fill")
    parser.add_argument(
        "--run", metavar="NAME", help="how the run is called (default: the commit, or its day)"
    )
    add_engine(parser)


def run(options: argparse.Namespace) -> int:
    """Judge the chosen environments and write their rows."""
    root: Path = options.directory
    configuration = config.load(root)
    every = configuration.environments
    wanted = select(every, options.environments)
    files, how = folder(options), settings(options)
    name = options.run or commit_of(root)[:SHORT] or options.today.isoformat()
    own = Run(name, options.today)
    failures: dict[str, MeshgateError] = {}
    question = Question(root, every, wanted, how, files.cache)
    with Writer(options.to) as writer, track("judging", len(wanted)) as step:
        # So many environments at a time as are held in memory.
        for task in tasks_of(question, question.run, wanted):
            judged = judge(task.run, folder(options), how)
            for each in judged.values():
                if each.name in task.wanted:
                    writer.add(rows_of(each, own))
                    writer.add({"ledger": ledger_rows(root, each.environment, own)})
                    if each.failure is not None:
                        failures[each.name] = each.failure
                    step()
        if wanted == list(every):
            left = of_nobody(root, configuration, files, how)
            writer.add({"findings": findings_rows(left, own)})
    counted = ", ".join(f"{count} {table}" for table, count in writer.counts.items())
    print(
        f"meshgate: {plural(len(wanted), 'environment')} in {options.to}: {counted}",
        file=sys.stderr,
    )
    print_failures(failures)
    return gravest(failure.exit_code for failure in failures.values())
