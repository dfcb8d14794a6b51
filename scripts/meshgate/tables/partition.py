"""The rows of some environments as files of their own: what one worker of a cluster gives back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from msgspec import Struct

from meshgate.model import Environment
from meshgate.pipeline import Folder, Judged, judge
from meshgate.pipeline.verdict import EnvironmentRefusal
from meshgate.pipeline.verdicts import Task
from meshgate.source import Locator
from meshgate.tables.parquet import PARTS, Writer
from meshgate.tables.rows import Rows, Run, ledger_rows, rows_of


class Partition(Struct, frozen=True):
    """Files of Parquet by the names of their tables.

    counts   how many rows each has
    refused  the environments that could not be judged, and why
    names    those that it has rows of
    """

    files: dict[str, bytes]
    counts: dict[str, int]
    refused: dict[str, EnvironmentRefusal]
    names: tuple[str, ...] = ()


class PartitionTask(NamedTuple):
    """What a worker does with a task, and what is said of an environment that ends workers."""

    run: Run

    def partition(self, task: Task) -> Partition:
        """The rows of the wanted environments of a task."""
        files = Folder(task.root, cache=task.cache, threads=1)
        judged = judge(task.run, files, task.settings)
        wanted = [each for each in judged.values() if each.name in task.wanted]
        return self._of(wanted, task.root)

    def ended(self, task: Task, why: EnvironmentRefusal) -> Partition:
        """The row of the one environment of a task that nobody could judge."""
        (own,) = (each for each in task.run if each.name in task.wanted)
        failed = Judged(own, Locator(task.root), failure=why.error())
        return self._of([failed], task.root)

    def _of(self, wanted: Iterable[Judged], root: Path) -> Partition:
        wanted = list(wanted)
        rows = [every_row(each, each.environment, root, self.run) for each in wanted]
        refused = {
            each.name: EnvironmentRefusal.of(each.failure)
            for each in wanted
            if each.failure is not None
        }
        return of_rows(rows, refused, tuple(each.name for each in wanted))


def every_row(judged: Judged, environment: Environment, root: Path, run: Run) -> Rows:
    """The rows of one environment, and those of its ledger."""
    return {**rows_of(judged, run), "ledger": ledger_rows(root, environment, run)}


def of_rows(
    rows: Iterable[Rows],
    refused: Mapping[str, EnvironmentRefusal] | None = None,
    names: tuple[str, ...] = (),
) -> Partition:
    """Rows as files."""
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        with Writer(Path(folder)) as writer:
            for each in rows:
                writer.add(each)
        files = {path.stem: path.read_bytes() for path in Path(folder).glob("*.parquet")}
        return Partition(files, dict(writer.counts), dict(refused or {}), names)


class Partitions:
    """A folder that is filled with partitions; they take the place of old tables at its end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._aside = Path(tempfile.mkdtemp(prefix=".partitions-", dir=folder))
        self._number = 0

    def add(self, partition: Partition) -> None:
        """Write one, as soon as it has arrived."""
        own = self._aside / f"part-{self._number:05}"
        own.mkdir()
        for name, content in partition.files.items():
            (own / f"{name}.parquet").write_bytes(content)
        self._number += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for old in (*self._folder.glob("*.parquet"), *self._folder.glob(PARTS)):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            for part in sorted(self._aside.iterdir()):
                part.rename(self._folder / part.name)
        shutil.rmtree(self._aside, ignore_errors=True)
