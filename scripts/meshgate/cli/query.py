"""Ask the tables of `meshgate tables` in SQL, by DuckDB, or by the name of a question.

The tables are environments, servers, calls, policies, findings, exceptions and ledger:
docs/tables.md has their columns. A folder may hold the tables of many runs; questions with a
name ask of the newest, and `trend` and `gone-and-new` of all. SQL reads these tables and
nothing else: no file, no network.

Needs pyarrow and DuckDB beside meshgate: pip install pyarrow duckdb

examples:
  meshgate query --list
  meshgate query plaintext-into --set namespace=pci
  meshgate query "SELECT environment, count(*) FROM calls GROUP BY ALL" --in tables
"""

from __future__ import annotations

import argparse
from pathlib import Path

from meshgate.cli.output import publish
from meshgate.errors import UsageError
from meshgate.report.answer import FORMATS, Answer
from meshgate.tables.query import ask
from meshgate.tables.questions import QUESTIONS
from meshgate.wording.nearest import hint

__all__ = ["FORMATS"]

LISTED = ("question", "about", "parameters")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("question", nargs="?", metavar="SQL|NAME", help="what is asked")
    parser.add_argument(
        "--in",
        dest="folder",
        metavar="DIR",
        type=Path,
        default=Path("tables"),
        help="the folder with tables (default: tables)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the question, `$NAME` in SQL; repeatable",
    )
    parser.add_argument("--list", action="store_true", help="list the questions with a name")
    parser.add_argument("--sql", action="store_true", help="print the SQL of a question instead")


def run(options: argparse.Namespace) -> int:
    """Answer, or list the questions."""
    if options.list:
        rows = ((each.name, each.about, parameters(each.parameters)) for each in QUESTIONS.values())
        publish(FORMATS, [Answer(LISTED, tuple(rows))], options)
        return 0
    if not options.question:
        raise UsageError("nothing is asked", hint="`meshgate query --list` shows questions")
    known = QUESTIONS.get(options.question)
    if known is None and " " not in options.question.strip():
        raise UsageError(
            f"there is no question {options.question!r}", hint=hint(options.question, QUESTIONS)
        )
    values = parameter_values(options.set)
    if known is not None:
        if unknown := sorted(values.keys() - known.parameters.keys()):
            raise UsageError(
                f"the question {known.name} has no parameter {unknown[0]!r}",
                hint=hint(unknown[0], known.parameters),
            )
        values = {**known.parameters, **values}
    sql = known.sql if known else options.question
    if options.sql:
        print(sql)
        return 0
    publish(FORMATS, [ask(options.folder, sql, values)], options)
    return 0


def parameter_values(texts: list[str]) -> dict[str, str]:
    """The values of parameters. Raises UsageError."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(f"--set {name}: write it as NAME=VALUE")
    return {name: value for name, _, value in pairs}


def parameters(values: object) -> str:
    """The parameters of a question, with their defaults."""
    assert isinstance(values, dict)
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "-"
