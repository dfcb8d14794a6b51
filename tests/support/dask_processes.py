"""A Dask cluster of processes on loopback, which ends with all that it has started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import distributed

# Seconds.
LONG = 120.0


class Cluster(NamedTuple):
    """A scheduler, and its workers as processes of their own."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


def dask(what: str, *arguments: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
    return subprocess.Popen(
        argv,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextlib.contextmanager
def running(
    folder: Path,
    count: int,
    *,
    preload: str = "",
    nanny: bool = False,
    protocol: str = "tcp",
    environment: dict[str, str] | None = None,
) -> Iterator[Cluster]:
    """A cluster that ends with the block, with all it has started."""
    variables = environment or {}
    folder.mkdir()
    file = folder / "scheduler.json"
    started = [
        dask(
            "scheduler",
            *("--host", f"{protocol}://127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--scheduler-file", str(file)),
            environment=variables,
        )
    ]
    try:
        until = time.monotonic() + LONG
        while not file.is_file() or not file.read_text("utf-8").strip():
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.05)
        (folder / "preload.py").write_text(preload, encoding="utf-8")
        for number in range(count):
            own = folder / f"worker-{number}"
            own.mkdir()
            started.append(
                dask(
                    "worker",
                    *("--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard"),
                    *("--memory-limit", "512MiB"),
                    *("--local-directory", str(own), "--preload", str(folder / "preload.py")),
                    *("--nanny" if nanny else "--no-nanny", "--host", "127.0.0.1"),
                    environment={**variables, "TMPDIR": str(own)},
                )
            )
        address = json.loads(file.read_text("utf-8"))["address"]
        yield Cluster(address, started[0], started[1:])
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def client_of(address: str) -> distributed.Client:
    return distributed.Client(address, timeout=LONG, set_as_default=False)  # type: ignore[no-untyped-call]


def wait_for(address: str, count: int) -> None:
    with client_of(address) as client:
        client.wait_for_workers(count, timeout=LONG)
