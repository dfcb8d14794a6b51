"""Interrupt the story while everything runs, and see that nothing of it is left.

`python tests/e2e/interrupted.py`: 0 when no process, namespace, firewall rule or file is left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from signals import heed_signals

STORY = Path(__file__).with_name("story.py")
# What the story prints once all of it runs.
UP = "1. Everything PERMISSIVE"
VARIABLE = b"MESHGATE_LAB="
FOLDERS = "meshgate-lab-*"
# Seconds.
STARTED, ENDED = 180.0, 60.0


def main() -> int:
    """1 for what is left, and 2 where the story did not begin."""
    heed_signals()
    before = remains()
    others = labs()
    process = subprocess.Popen(
        [sys.executable, str(STORY)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    began = time.monotonic()
    for line in process.stdout:
        if line.startswith(UP):
            break
        if time.monotonic() - began > STARTED:
            process.kill()
            return 2
    else:
        sys.stderr.write("the story ended before it began\n")
        return 2
    inside = processes() - before["process"]
    time.sleep(2)
    # To the whole group, as a terminal does it.
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait(ENDED)
    left = {name: found - before[name] for name, found in remains().items()}
    # Another lab may run beside this one.
    left["process"] = {each for each in left["process"] if each.split()[0] not in others}
    for name, found in left.items():
        for each in sorted(found):
            sys.stderr.write(f"left: {name} {each}\n")
    sys.stdout.write(
        f"Ctrl-C with {len(inside)} processes of the lab: the story ended with {code}, and left "
        f"{sum(map(len, left.values()))} processes, namespaces, firewall rules and files.\n"
    )
    return int(any(left.values()) or not inside)


def remains() -> dict[str, set[str]]:
    """What a lab could leave on this machine."""
    return {
        "process": processes(),
        "namespace": set(output("ip", "netns", "list").split()),
        "interface": set(output("ip", "-o", "link").splitlines()),
        "rule": {line for line in output("iptables-save").splitlines() if line.startswith("-")},
        "folder": {str(path) for path in Path(gettempdir()).glob(FOLDERS)},
    }


def processes() -> set[str]:
    """The processes that know of a lab's folder, by its variable in their environment."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes().split(b"\0")
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        lab = next((each for each in told if each.startswith(VARIABLE)), b"")
        if lab:
            found.add(f"{lab.decode('utf-8', 'replace')} {folder.name} {name}")
    return found


def labs() -> set[str]:
    """The labs that run, as `processes` tells them."""
    return {each.split()[0] for each in processes()}


def output(*argv: str) -> str:
    """What a command prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
