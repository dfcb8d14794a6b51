"""What a Dask worker does: it judges a task on the archive of a repository, which it asks for once.

The archive lies with the scheduler, so that no worker that ends takes it along.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, structs

import meshgate
from meshgate import __version__, garbage
from meshgate.errors import MeshgateError, ToolError
from meshgate.model import JSON
from meshgate.pipeline.archive import unpack
from meshgate.pipeline.verdict import EnvironmentRefusal, EnvironmentVerdict
from meshgate.pipeline.verdicts import Task, judged_task
from meshgate.schema import catalog
from meshgate.source.cache import digest

# Where archives lie in the scheduler's metadata.
SECTION = "meshgate"
# Seconds until an archive has arrived.
ARRIVAL = 300
# A process judges one task at a time, however many threads it has: its memory is bounded.
_judging = threading.Lock()


class LibraryRelease(Struct, frozen=True):
    """Which meshgate this is, alike on every machine that has the same.

    package    a digest of the contents of the package and its schemas
    libraries  a digest of Python and of what is installed beside it
    """

    version: str
    package: str
    libraries: str


class TaskAnswer(Struct, frozen=True):
    """What a worker gives for a task, or why it gives nothing; and by which libraries."""

    result: JSON = None
    libraries: str = ""
    refused: EnvironmentRefusal | None = None


@functools.cache
def release() -> LibraryRelease:
    """The meshgate of this process."""
    parts: list[str | bytes] = []
    for folder in (Path(meshgate.__file__).parent, catalog.folder()):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                parts += (path.relative_to(folder).as_posix(), path.read_bytes())
    installed = sorted(
        name
        for name in os.listdir(Path(msgspec.__file__).parents[1])  # noqa: PTH208 - names are what is wanted
        if name.endswith(".dist-info")
    )
    return LibraryRelease(__version__, digest(*parts), digest(sys.version, *installed))


def verdicts(task: Task) -> list[EnvironmentVerdict]:
    """The verdicts that a task wants; a worker renders one environment at a time."""
    return judged_task(task, threads=1)


def work_archived(packed: bytes, name: str, checksum: str, wanted: LibraryRelease) -> TaskAnswer:
    """On a worker: what is to be done with a `Task`, on the archive of that name and SHA-256.

    Both are pickled together: a function of one argument from this package, and the task.
    """
    try:
        own = release()
        if (own.version, own.package) != (wanted.version, wanted.package):
            other = f"meshgate {own.version}"
            if own.version == wanted.version:
                other = f"another build of {other}"
            raise ToolError(
                f"a worker has {other}, and this is {wanted.version}",
                why="Verdicts of one run are of one version.",
                hint=f"install this meshgate {wanted.version} where the workers run",
            )
        # Read only now: what another version has sent has other fields.
        work, task = pickle.loads(packed)  # noqa: S301 - of the scheduler, which runs code anyway
        with _judging:
            task = structs.replace(task, root=_repository(name, checksum))
            with _rarely_collected():
                return TaskAnswer(work(task), own.libraries)
    except MeshgateError as error:
        return TaskAnswer(refused=EnvironmentRefusal.of(error))
    except OSError as error:
        what = f"a worker could not read the repository: {error}"
        return TaskAnswer(
            refused=EnvironmentRefusal("ToolError", what, hint="look at its disk and its log")
        )


@contextlib.contextmanager
def _rarely_collected() -> Iterator[None]:
    """As where this package has a process to itself; others may use the worker's, too."""
    before = gc.get_threshold()
    garbage.collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _repository(name: str, checksum: str) -> Path:
    """The unpacked archive on this worker. Raises ToolError."""
    distributed: JSON = importlib.import_module("distributed")
    worker = distributed.get_worker()
    folder = Path(worker.local_directory, SECTION)
    if (folder / checksum).is_dir():
        return folder / checksum
    packed = distributed.utils.sync(
        worker.loop,
        worker.scheduler.get_metadata,
        keys=[SECTION, name],
        default=None,
        callback_timeout=ARRIVAL,
    )
    if packed is None:
        raise ToolError(
            "the scheduler has lost the repository that was sent to it",
            why="It was started anew while this run went on.",
            hint="run it again",
        )
    return unpack(packed, checksum, folder)
