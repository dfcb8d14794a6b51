"""Rows of many environments: applications, overlays by the thousand, shards, a Dask cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import applications
import overlays
import small_meshes
from measure import Command, Measured, measure, once
from row import Row

from meshgate import tools

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from dask_processes import Cluster, running, wait_for

PYTHON = sys.executable
MESHGATE = (PYTHON, "-m", "meshgate")
JUDGED = frozenset({0, 1})
BARE_PARSE = """\
import sys, yaml
for name in sys.argv[1:]:
    list(yaml.load_all(open(name, "rb"), Loader=yaml.CSafeLoader))
"""
# Smaller where somebody has not the time: the rows say of how many they are.
OVERLAYS = int(os.environ.get("BENCH_OVERLAYS", "10000"))
MESHES = int(os.environ.get("BENCH_MESHES", "1000"))
SHARDS = 8
# Overlays that are rendered without the worker: each takes the same.
WITHOUT = 200
MEBIBYTE = 1 << 20


def installed(folder: Path, name: str, *, programs: bool = True) -> dict[str, str]:
    """Variables of a run as it is installed: modules are compiled, and the cache is its own.

    programs  whether what `nox -s tools` builds is there
    """
    cache = folder / name / "meshgate"
    cache.mkdir(parents=True)
    if programs:
        (cache / "tools").symlink_to(tools.tools_folder())
    return {
        "XDG_CACHE_HOME": str(folder / name),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "PYTHONDONTWRITEBYTECODE": "",
    }


def command(root: Path, environment: Mapping[str, str], name: str, *arguments: str) -> Command:
    """One command of meshgate on a repository."""
    return Command((*MESHGATE, name, "-C", str(root), *arguments), JUDGED, environment=environment)


def many_applications(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """300 applications in 10 environments: nothing changed, and one word in one of them."""
    root = folder / "applications"
    applications.write(root)
    environment = installed(folder, "applications-cache")
    parse = Command((PYTHON, "-c", BARE_PARSE, *applications.files(root)), environment=environment)
    commands = {
        "nothing": command(root, environment, "validate"),
        "validate": command(root, environment, "validate"),
        "since": command(root, environment, "validate", "--changed-since", "HEAD"),
        "diff": command(root, environment, "diff"),
        "shared": command(root, environment, "diff"),
        "parse": parse,
    }
    measure({"cold": commands["nothing"], "diff": commands["diff"]}, 1)
    taken: dict[str, list[Measured]] = {}
    for number in range(rounds):
        for at, (name, each) in enumerate(commands.items()):
            # A word that no run has seen.
            if name == "shared":
                applications.restore(root)
                applications.change_shared(root, 10 * number + at)
            elif name not in {"nothing", "parse"}:
                applications.change_one(root, 10 * number + at)
            taken.setdefault(name, []).append(once(name, each))
        # What is committed stands again, and its verdicts are cached.
        applications.restore(root)
    seconds = {name: median(each.processor for each in runs) for name, runs in taken.items()}
    notes.append(
        "300 applications: 6,030 rendered objects and 9,000 of inventory in 10 environments, of "
        "which the word changes one; in seconds of the processor, beside a bare CSafeLoader parse "
        "of the repository's own files. What is not changed has been judged before. A word of a "
        "base that all have changes all 10 environments, so that 20 meshes are judged and compared."
    )
    parts = {
        "nothing": ("`validate`, nothing changed", 1.5),
        "validate": ("`validate`, one word", 4),
        "since": ("`validate --changed-since`, one word", 4),
        "diff": ("`diff`, one word", 4),
        "shared": ("`diff`, one word of a base of all 10", 20),
    }
    return [
        Row(f"300 applications, {what} / the bare parse", seconds[name], seconds["parse"], limit)
        for name, (what, limit) in parts.items()
    ]


def thousands(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """10,000 overlays: cold, one changed, in shards; and cold without the worker."""
    root, few = folder / "thousands", folder / "without-worker"
    overlays.write(root, OVERLAYS)
    environment = installed(folder, "thousands-cache")
    cold = once("cold", command(root, environment, "validate"))
    shards = []
    for number in range(1, SHARDS + 1):
        arguments = ("--shard", f"{number}/{SHARDS}", "--part", str(folder / f"{number}.json"))
        cache = installed(folder, f"shard-{number}")
        shards.append(once(f"shard {number}", command(root, cache, "validate", *arguments)))
    overlays.change_one(root)
    since = command(root, environment, "validate", "--changed-since", "HEAD")
    measure({"the first": since}, 1)  # keeps which files each environment reads
    one = measure({"one changed": since}, rounds)["one changed"]
    diff = command(root, environment, "diff", "--base", "HEAD")
    first = once("the first diff", diff)
    compared = []
    for number in range(rounds):
        # From a base that no run has seen.
        overlays.commit(root)
        overlays.change_one(root, 8 + number)
        compared.append(once(f"diff {number + 1}/{rounds}", diff))
    overlays.write(few, WITHOUT)
    path = os.pathsep.join(("/usr/bin", "/bin"))
    bare = {**installed(folder, "without-cache", programs=False), "PATH": path}
    without = once("without the worker", command(few, bare, "validate"))
    seconds = without.seconds * OVERLAYS / WITHOUT
    count = f"{OVERLAYS:,}"
    notes.append(
        f"{count} overlays of one base. Shards in seconds of the processor, each with an empty "
        f"cache. Without the worker it was measured on {WITHOUT} overlays ({without.seconds:.3g} "
        f"s), and {count} take {seconds:.0f} s at that pace. Each `diff` is from another base, in "
        f"seconds of the processor; the first one after `validate` takes {first.processor:.3g} s."
    )
    longest = max(each.processor for each in shards)
    return [
        Row(f"{count} overlays, cold / 120 s", cold.seconds, 120, 1),
        Row(f"{count} overlays, one changed / 2 s", one.processor, 2, 1),
        Row(
            f"{count} overlays, `diff` of one changed / 6 s",
            median(each.processor for each in compared),
            6,
            1,
        ),
        Row(f"the longest of {SHARDS} shards / the whole", longest, cold.processor, 1 / 6),
    ]


def dask(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """1,000 meshes of 50 services on a cluster of processes; nothing is cached."""
    del rounds
    root = folder / "meshes"
    small_meshes.write(root, MESHES)
    environment = installed(folder, "meshes-cache")

    def run(name: str, *arguments: str) -> Measured:
        return once(name, command(root, environment, "validate", "--no-cache", *arguments))

    here = run("two processes", "--jobs", "2")
    # As docs/scale.md has it for workers.
    quiet = {**environment, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
    taken: dict[str, Measured] = {}
    most = 0.0
    for name, workers in (("one", 1), ("two", 2), ("killed", 2)):
        with running(folder / name, workers, environment=quiet) as cluster:
            wait_for(cluster.address, workers)
            if name == "killed":
                # In the middle of what two workers take.
                threading.Timer(taken["two"].seconds / 2, _kill, (cluster,)).start()
            taken[name] = run(name, "--scheduler", cluster.address)
            if name != "killed":
                most = max(most, *(_peak(each.pid) for each in cluster.workers))
    notes.append(
        f"Dask: {MESHES:,} meshes of 50 services; scheduler and workers are processes of this "
        "machine, and so is who asks: by the clock. One of two workers is killed in the middle, "
        "and does not come back: the other one has its share, half of what was left; a task is "
        "judged twice."
    )
    two = taken["two"].seconds
    count = f"{MESHES:,} meshes on Dask"
    return [
        # At least 1.8 times as fast.
        Row(f"{count}, two workers / one", two, taken["one"].seconds, 1 / 1.8),
        Row(f"{count}, two workers / two processes", two, here.seconds, 1.1),
        Row(f"{count}, one of two killed / two workers", taken["killed"].seconds, two, 1.55),
        Row("the memory of a worker / 512 MiB", most, 512, 1, "MiB"),
    ]


def _kill(cluster: Cluster) -> None:
    os.killpg(cluster.workers[0].pid, signal.SIGKILL)


def _peak(pid: int) -> float:
    """The most memory that a process, and each that it started, has had, in MiB."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True, check=False
    ).stdout.split()
    peaks = []
    for each in (pid, *map(int, listed)):
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{each}/status").read_text("utf-8").splitlines()
            peak = next(line for line in lines if line.startswith("VmHWM"))
            peaks.append(int(peak.split()[1]) * 1024 / MEBIBYTE)
    return max(peaks)
