"""Tables as Parquet files, a file a table, written environment after environment."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from meshgate import __version__
from meshgate.errors import UsageError
from meshgate.model import JSON
from meshgate.tables import schema
from meshgate.tables.rows import Row, Rows
from meshgate.tables.schema import TABLES, Table

VERSION_KEY, TOOL_KEY = b"meshgate.tables", b"meshgate.version"
# The folders of partitions, which workers of a cluster have made, in the folder of a run.
PARTS = "part-*"
# Rows that are held before they are written: a fleet does not fit into memory.
MOST_ROWS = 50_000


class Writer:
    """The files of a folder: whole ones take the place of old ones when all is written."""

    def __init__(self, folder: Path) -> None:
        """Raises ToolError without pyarrow, and UsageError where the folder cannot be made."""
        self._arrow = schema.library("pyarrow")
        self._parquet = schema.library("pyarrow.parquet")
        self._folder = folder
        self._rows: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._files: dict[str, JSON] = {}
        self.counts = dict.fromkeys(TABLES, 0)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {folder}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def add(self, rows: Rows) -> None:
        """Take the rows of some tables."""
        for name, more in rows.items():
            self._rows[name] += more
            if len(self._rows[name]) >= MOST_ROWS:
                self._write(name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in TABLES if kind is None else ():
            self._write(name)
        for file in self._files.values():
            file.close()
        for old in self._folder.glob(PARTS) if kind is None else ():
            shutil.rmtree(old)
        for name in TABLES:
            if kind is None:
                self._aside(name).replace(self._folder / f"{name}.parquet")
            else:
                self._aside(name).unlink(missing_ok=True)

    def _aside(self, name: str) -> Path:
        return self._folder / f".{name}.parquet"

    def _write(self, name: str) -> None:
        table = TABLES[name]
        own = arrow_schema(self._arrow, table)
        if name not in self._files:
            try:
                self._files[name] = self._parquet.ParquetWriter(self._aside(name), own)
            except OSError as error:
                raise UsageError(f"cannot write {self._folder}: {error}") from error
        rows, self._rows[name] = self._rows[name], []
        columns = list(zip(*rows, strict=True)) or [()] * len(table.fields)
        arrays = [
            self._arrow.array(column, type=field.type)
            for column, field in zip(columns, own, strict=True)
        ]
        self._files[name].write_table(self._arrow.Table.from_arrays(arrays, schema=own))
        self.counts[name] += len(rows)


def arrow_schema(arrow: ModuleType, table: Table) -> JSON:
    """The Arrow schema of a table, with the version of all of them."""
    types = {
        schema.TEXT: arrow.string(),
        schema.INTEGER: arrow.int64(),
        schema.BOOLEAN: arrow.bool_(),
        schema.DATE: arrow.date32(),
        schema.TIME: arrow.timestamp("us", tz="UTC"),
    }
    fields = [arrow.field(field.name, types[field.type]) for field in table.fields]
    metadata = {VERSION_KEY: str(schema.VERSION), TOOL_KEY: __version__}
    return arrow.schema(fields, metadata=metadata)
