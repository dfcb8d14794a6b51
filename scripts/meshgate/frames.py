"""The tables of `meshgate tables` for a notebook, as tables of Arrow.

    from meshgate import frames

    frames.table("tables", "calls")           # pyarrow.Table; .to_pandas() where pandas is
    frames.query("tables", "SELECT …")        # likewise
    frames.question("tables", "plaintext-into", namespace="pci")

Needs pyarrow and DuckDB beside meshgate: pip install pyarrow duckdb
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.errors import UsageError
from meshgate.tables.query import connected, datasets
from meshgate.tables.questions import QUESTIONS
from meshgate.wording.nearest import hint

# For types alone: it is imported where tables are read.
if TYPE_CHECKING:
    import pyarrow


def table(folder: str | Path, name: str) -> pyarrow.Table:
    """All rows of one table, of every run below the folder. Raises UsageError for another name."""
    found = datasets(Path(folder))
    if name not in found:
        raise UsageError(f"there is no table {name!r}", hint=hint(name, found))
    return found[name].to_table()


def query(folder: str | Path, sql: str, **values: object) -> pyarrow.Table:
    """The answer to a question in SQL; `values` are its parameters. Raises duckdb.Error."""
    with connected(Path(folder)) as connection:
        return connection.sql(sql, params=values or None).to_arrow_table()


def question(folder: str | Path, name: str, **values: object) -> pyarrow.Table:
    """The answer to a question with a name. Raises UsageError for another one."""
    if name not in QUESTIONS:
        raise UsageError(f"there is no question {name!r}", hint=hint(name, QUESTIONS))
    known = QUESTIONS[name]
    return query(folder, known.sql, **{**known.parameters, **values})
