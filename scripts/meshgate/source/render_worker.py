"""Render many overlays with few programs: workers that stay, and render one after the other.

A kustomize that is started for each overlay takes most of its time to start. A worker
(`scripts/render-worker`, in Go) runs the same command of the same module for one folder after the
other. It is told nothing of a repository, and what it answers is what `kustomize build` writes;
where it ends instead of an answer, the overlay is rendered by a program of its own, whose errors
are those that people know.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Self

import msgspec

from meshgate.errors import ToolError
from meshgate.process import Completed, Limits, PeerEndedError, ResidentProgram

# A worker is ended after so many overlays: what it may gather does not grow without end.
MOST_JOBS = 500


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """The line before an answer: exit code, bytes of output that follow, standard error.

    `last`: the worker ends, since what it has rendered would decide what comes after it.
    """

    code: int
    output: int
    error: str
    last: bool


class RenderWorkers:
    """Workers of one program, for any number of threads; a worker renders for one at a time."""

    def __init__(
        self, program: str, environment: Mapping[str, str], limits: Limits, version: str = ""
    ) -> None:
        """Nothing is started until it is needed.

        `limits` are those of one overlay; `version` is that of the kustomize in the program.
        """
        self.version = version
        self._program = program
        self._environment = environment
        self._limits = limits
        self._free: LifoQueue[_Worker] = LifoQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while True:
            try:
                self._free.get_nowait().peer.end()
            except Empty:
                return

    def build(self, folder: Path, timeout: float) -> Completed | None:
        """What `kustomize build FOLDER` would end with; None where no worker can tell.

        Raises ToolError where it takes longer than `timeout` seconds.
        """
        try:
            worker = self._free.get_nowait()
        except Empty:
            try:
                peer = ResidentProgram(
                    [self._program], environment=self._environment, limits=self._limits
                )
            except OSError:
                return None
            worker = _Worker(peer)
        try:
            done = worker.build(folder, self._limits.output, time.monotonic() + timeout)
        except TimeoutError:
            worker.peer.end()
            raise ToolError(
                f"{self._program} did not end within {timeout:g} seconds and was stopped",
                hint=f"run it by hand to see where it hangs: kustomize build {folder}",
            ) from None
        except BaseException as error:
            worker.peer.end()
            # What is not the worker's end is this process's: an interrupt, or a fault.
            if not isinstance(error, (PeerEndedError, msgspec.DecodeError)):
                raise
            return None
        if worker.is_fresh:
            self._free.put(worker)
        else:
            worker.peer.end()
        return done


class _Worker:
    """One program, how often it was asked, and whether it may be asked again."""

    def __init__(self, peer: ResidentProgram) -> None:
        self.peer = peer
        self.jobs = 0
        self.is_fresh = True

    def build(self, folder: Path, limit: int, until: float) -> Completed:
        self.jobs += 1
        self.peer.send(json.dumps({"folder": str(folder), "limit": limit}).encode() + b"\n")
        header = msgspec.json.decode(self.peer.line(until), type=Header)
        self.is_fresh = not header.last and self.jobs < MOST_JOBS
        return Completed(header.code, self.peer.exactly(header.output, until), header.error)
