"""Questions in SQL on the tables of one run, or of a folder of many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshgate.errors import NothingToCheckError, UsageError
from meshgate.model import JSON
from meshgate.report.answer import Answer
from meshgate.tables import schema
from meshgate.tables.parquet import VERSION_KEY, arrow_schema
from meshgate.tables.schema import TABLES

# The rows of each environment from its newest run of the newest day: two runs of a day may be of
# other environments, or of the same ones again. What is of no environment is told by runs of all.
NEWEST = """\
CREATE VIEW newest.{0} AS
WITH of_day AS (
  SELECT environment, began FROM environments
  WHERE day = (SELECT max(day) FROM environments)),
newest_runs AS (SELECT environment, max(began) AS began FROM of_day GROUP BY environment)
SELECT own.* FROM main.{0} AS own LEFT JOIN newest_runs USING (environment)
WHERE own.began = coalesce(newest_runs.began,
  (SELECT began FROM of_day GROUP BY began ORDER BY count(*) DESC, began DESC LIMIT 1))"""


def datasets(folder: Path) -> dict[str, JSON]:
    """The tables below a folder as datasets of Arrow, by name.

    Raises ToolError without pyarrow, NothingToCheckError where there is no table, and UsageError
    for tables of another version.
    """
    arrow, dataset = schema.library("pyarrow"), schema.library("pyarrow.dataset")
    parquet = schema.library("pyarrow.parquet")
    found: dict[str, JSON] = {}
    for name, table in TABLES.items():
        files = sorted(folder.rglob(f"{name}.parquet"))
        for file in files:
            try:
                metadata = parquet.read_schema(file).metadata or {}
            except (arrow.ArrowException, OSError) as error:
                raise UsageError(f"{file} is no Parquet file: {error}") from error
            if metadata.get(VERSION_KEY) != str(schema.VERSION).encode():
                raise UsageError(
                    f"{file} has tables of another version of meshgate",
                    why=f"Its columns may mean something else than those of version "
                    f"{schema.VERSION}.",
                    hint="write them anew: meshgate tables --to DIR",
                )
        if files:
            own = arrow_schema(arrow, table)
            found[name] = dataset.dataset([str(file) for file in files], schema=own)
    if not found:
        raise NothingToCheckError(
            f"there are no tables in the folder {folder}",
            hint="write some: meshgate tables --to DIR",
        )
    return found


def connected(folder: Path) -> JSON:
    """A DuckDB connection in memory that knows the tables and nothing else: no file, no network.

    Raises as `datasets`.
    """
    duckdb = schema.library("duckdb")
    connection = duckdb.connect(":memory:")
    tables = datasets(folder)
    for name, table in tables.items():
        connection.register(name, table)
    connection.execute("CREATE SCHEMA newest")
    for name in tables if "environments" in tables else ():
        connection.execute(NEWEST.format(name))
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(folder: Path, sql: str, values: Mapping[str, object] | None = None) -> Answer:
    """The answer to a question; `values` are those of its parameters. Raises UsageError."""
    with connected(folder) as connection:
        duckdb = schema.library("duckdb")
        try:
            done = connection.execute(sql, dict(values) if values else None)
            columns = tuple(each[0] for each in done.description or ())
            return Answer(columns, tuple(map(tuple, done.fetchall())))
        except (duckdb.Error, RuntimeError) as error:
            raise UsageError(
                f"the question cannot be answered: {error}",
                hint="`meshgate query --list` shows questions, docs/tables.md the columns",
            ) from error
