"""A running Dask cluster that judges tasks: workers without a shared disk, which have the package.

The repository travels once to the scheduler, as an archive that is named by its digest, and from
there once to each worker that judges. A worker that ends costs its tasks once more. A task whose
workers end again and again is taken apart, so that the environment that ends them fails alone, with
its name. Nothing is waited for without a limit.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import importlib
import logging
import pickle
import queue
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from msgspec import Struct, structs

from meshgate import interrupts
from meshgate.errors import MeshgateError, ServiceError, ToolError, missing_libraries
from meshgate.model import JSON
from meshgate.pipeline import dask_worker
from meshgate.pipeline.archive import archive, digest_of
from meshgate.pipeline.verdict import EnvironmentRefusal, EnvironmentVerdict, to_json
from meshgate.pipeline.verdicts import SECTION, Judge, Task, singles
from meshgate.source.cache import Cache
from meshgate.wording import plural

T = TypeVar("T")

# Seconds: until a scheduler answers; until it has the repository; that a run goes on without any
# worker, for a cluster that grows when it is asked; and without any result. The last one is longer
# than Dask takes to give up a worker that says nothing (`worker-ttl`, 300).
ANSWER = 10.0
SENDING = 300.0
NO_WORKER = 60.0
NO_RESULT = 600.0
# Seconds between two looks at the cluster while nothing arrives.
PAUSE = 1.0
# Tasks one after the other that ended their workers: then it is not the environments that do.
MOST_ENDED = 8
# Environments that an error names.
NAMED = 3


class Work(Struct, Generic[T], frozen=True):
    """What workers do with tasks.

    do     on a worker, by its name in this package: what it gives for a task
    ended  what is said of the one environment of a task that ended every worker that had it
    done   here, with each task and what it gave, where the worker has the same libraries
    """

    do: Callable[[Task], T]
    ended: Callable[[Task], T]
    done: Callable[[Task, T], object] | None = None


def _unheard(_: int) -> None:
    """Nobody wants to know how many workers there are."""


@contextlib.contextmanager
def cluster(address: str, counted: Callable[[int], object] = _unheard) -> Iterator[Judge]:
    """The workers of a scheduler, as a function from tasks to their verdicts, as these arrive.

    As `workers`.
    """
    with workers(address, VERDICTS, counted) as judge:
        yield judge


@contextlib.contextmanager
def workers(
    address: str, work: Work[T], counted: Callable[[int], object] = _unheard
) -> Iterator[Callable[[Sequence[Task]], Iterator[T]]]:
    """The workers of a scheduler, as a function from tasks to what they give, as it arrives.

    `counted` is told how many workers there are, again and again. Raises ToolError without the
    extra, and where a worker has another meshgate; ServiceError where the scheduler does not
    answer, has no worker, or gives no result for too long.
    """
    distributed = _distributed()
    try:
        client = _connected(distributed, address)
    except Exception as error:  # whatever Dask makes of an address, a name, or a certificate
        raise ServiceError(
            f"the scheduler {address} does not answer: {error}",
            why="TLS is set up as Dask has it: DASK_DISTRIBUTED__COMM__TLS__… or its files.",
            hint="start one, or judge on this machine: --scheduler ''",
        ) from error
    try:
        yield lambda tasks: _ClusterRun(client, address, work, counted).results(tasks)
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=ANSWER)


def _connected(distributed: JSON, address: str) -> JSON:
    """A client. Dask itself waits without a limit for a server that takes a connection in silence.

    Raises TimeoutError, and what Dask raises.
    """
    came: queue.SimpleQueue[JSON] = queue.SimpleQueue()

    def connect() -> None:
        try:
            came.put(distributed.Client(address, timeout=ANSWER, set_as_default=False))
        except BaseException as error:  # noqa: BLE001 - raised below
            came.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        found = came.get(timeout=2 * ANSWER)
    except queue.Empty:
        raise TimeoutError(f"nothing but silence for {2 * ANSWER:.0f} s") from None
    if isinstance(found, BaseException):
        raise found
    return found


def _distributed() -> JSON:
    try:
        distributed: JSON = importlib.import_module("distributed")
    except ImportError as error:
        raise missing_libraries("distributed", use="What asks a Dask cluster") from error
    # What goes wrong is told once, by this module; other versions of libraries decide nothing here.
    for name in ("client", "comm", "core", "batched", "worker"):
        logging.getLogger(f"distributed.{name}").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module="distributed")
    return distributed


class _ClusterRun(Generic[T]):
    """The tasks of one run on a cluster."""

    def __init__(
        self, client: JSON, address: str, work: Work[T], counted: Callable[[int], object]
    ) -> None:
        self._client = client
        self._work = work
        self._counted = counted
        # When workers were counted.
        self._looked = 0.0
        self._address = address
        self._name = uuid.uuid4().hex
        self._digest = ""
        # Futures by their keys with their tasks: what is let go of is not judged.
        self._running: dict[str, tuple[JSON, Task]] = {}
        # Environments of tasks whose workers ended.
        self._suspects: collections.deque[Task] = collections.deque()
        self._ended = 0
        self._done: queue.SimpleQueue[JSON] = queue.SimpleQueue()

    def results(self, tasks: Sequence[Task]) -> Iterator[T]:
        """What tasks give, as it arrives."""
        if not tasks:
            return
        packed = archive(tasks[0].root)
        self._digest = digest_of(packed)
        self._put(packed)
        try:
            for task in tasks:
                self._submit(task)
            while self._running or self._suspects:
                alone = not self._running
                if alone:
                    # One after the other: whoever ends its workers now does so by itself.
                    self._submit(self._suspects.popleft())
                yield from self._taken(self._next(), alone=alone)
        finally:
            with contextlib.suppress(Exception):
                self._put(None)

    def _put(self, packed: bytes | None) -> None:
        """Give the archive to the scheduler, or take it away."""
        try:
            self._client.sync(
                self._client.scheduler.set_metadata,
                keys=[dask_worker.SECTION, self._name],
                value=packed,
                callback_timeout=SENDING if packed else ANSWER,
            )
        except Exception as error:  # noqa: BLE001 - raised as another one
            self._lost(error)

    def _submit(self, task: Task) -> None:
        # Without what is of this machine.
        sent = structs.replace(task, root=Path(), cache=None, keys={})
        future = self._client.submit(
            dask_worker.work_archived,
            pickle.dumps((self._work.do, sent)),
            self._name,
            self._digest,
            dask_worker.release(),
            key=f"meshgate-{uuid.uuid4().hex}",
            pure=False,
        )
        self._running[future.key] = future, task
        future.add_done_callback(self._done.put)

    def _next(self) -> JSON:
        """The next future that is done. Raises ServiceError where none will be."""
        begun = seen = time.monotonic()
        if begun - self._looked > PAUSE:
            self._workers()
        while True:
            interrupts.check()
            with contextlib.suppress(queue.Empty):
                return self._done.get(timeout=PAUSE)
            workers = self._workers()
            now = time.monotonic()
            seen = now if workers else seen
            if now - seen > NO_WORKER:
                raise ServiceError(
                    f"the scheduler {self._address} has no worker: {self._left()}",
                    hint="start workers; where they end while they judge, give them more memory, "
                    "and start them with --nanny, which starts them again",
                )
            if now - begun > NO_RESULT:
                raise ServiceError(
                    f"no worker of {self._address} gave a result for {NO_RESULT:.0f} s: "
                    f"{self._left()}",
                    why=f"It has {plural(workers, 'worker')}. Dask pauses one whose memory is "
                    "full, and other work may be before this.",
                    hint="look at the cluster's dashboard, or judge on this machine: "
                    "--scheduler ''",
                )

    def _workers(self) -> int:
        """How many workers there are just now. Raises ServiceError where nobody tells."""
        try:
            found = self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER)
        except Exception as error:  # noqa: BLE001 - raised as another one
            self._lost(error)
        self._looked = time.monotonic()
        self._counted(len(found))
        return len(found)

    def _taken(self, future: JSON, *, alone: bool) -> list[T]:
        """What a future that is done has; nothing where its task is to be taken apart."""
        task = self._running[future.key][1]
        try:
            # A worker that ends with its result costs another wait.
            answer: dask_worker.TaskAnswer = future.result(timeout=NO_RESULT)
        except (asyncio.CancelledError, concurrent.futures.CancelledError, OSError) as error:
            self._lost(error)
        except Exception as error:
            if type(error).__name__ == "KilledWorker":
                self._ended += 1
                if self._ended >= MOST_ENDED:
                    raise ToolError(
                        f"the workers of {self._address} end whatever they judge: {self._left()}",
                        why="A worker needs some 300 MiB, and three times the packed repository.",
                        hint="give workers more memory, and look at their logs",
                    ) from error
                del self._running[future.key]
                if alone:
                    return [self._work.ended(task)]
                self._suspects.extend(singles(task))
                return []
            raise ToolError(
                f"a worker of {self._address} could not judge: "
                f"{str(error) or type(error).__name__}",
                hint="install this meshgate, with its libraries, where the scheduler and the "
                "workers run",
            ) from error
        self._ended = 0
        del self._running[future.key]
        if answer.refused:
            raise answer.refused.error()
        if self._work.done and answer.libraries == dask_worker.release().libraries:
            self._work.done(task, answer.result)
        return [answer.result]

    def _left(self) -> str:
        tasks = [task for _, task in self._running.values()] + list(self._suspects)
        names = sorted(name for task in tasks for name in task.wanted)
        others = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"no verdict on {', '.join(names[:NAMED])}{others}"

    def _lost(self, error: BaseException) -> NoReturn:
        interrupts.check()
        if isinstance(error, MeshgateError):
            raise error
        raise ServiceError(
            f"the scheduler {self._address} is lost: {str(error) or type(error).__name__}",
            why="It ended, was started anew, or cannot be reached any more.",
            hint="run it again, or judge on this machine: --scheduler ''",
        ) from error


def _keep(task: Task, verdicts: Sequence[EnvironmentVerdict]) -> None:
    cache = Cache(task.cache, SECTION)
    for verdict in verdicts:
        if verdict.is_final and verdict.environment in task.keys:
            cache.put(task.keys[verdict.environment], to_json(verdict))


def ended(name: str) -> EnvironmentRefusal:
    """Why an environment that ended every worker that judged it has no verdict."""
    return EnvironmentRefusal(
        "ToolError",
        f"{name}: the workers that judged it ended, one after the other",
        "Something from outside ended them, as a machine does whose memory is full.",
        f"give workers more memory, or see what happens: meshgate validate {name} --scheduler ''",
    )


def _ended(task: Task) -> list[EnvironmentVerdict]:
    (name,) = task.wanted
    return [EnvironmentVerdict(name, refused=ended(name), is_final=False)]


VERDICTS = Work(dask_worker.verdicts, _ended, _keep)
