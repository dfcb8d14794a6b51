"""Fuzz loader, scan, ledger and mesh: `nox -s fuzz -- 3600`, or with targets behind it.

An input that ends in anything but an error for people, or takes longer than it may, is kept in
tests/fuzz/corpus/TARGET/, which the tests play again. The seed of a run is printed.
"""

from __future__ import annotations

import hashlib
import random
import signal
import sys
import time
import traceback

from fuzz.targets import CORPUS, TARGETS, mutated, run

SECONDS = 600
# One input of at most 256 KiB, on a busy machine.
LONGEST = 20


class SlowError(Exception):
    """An input took too long."""


def _too_slow(*_: object) -> None:
    raise SlowError


def kept(target: str, data: bytes) -> str:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return str(path)


def main(arguments: list[str]) -> int:
    """Fuzz for a time; the number of different faults, at most 99."""
    seconds = next((int(text) for text in arguments if text.isdecimal()), SECONDS)
    targets = [name for name in arguments if name in TARGETS] or list(TARGETS)
    seed = time.time_ns()
    dice, ends = random.Random(seed), time.monotonic() + seconds
    counts = dict.fromkeys(targets, 0)
    faults: set[str] = set()
    signal.signal(signal.SIGALRM, _too_slow)
    print(f"seed {seed}, {seconds} s, {', '.join(targets)}", flush=True)
    while time.monotonic() < ends:
        target = targets[sum(counts.values()) % len(targets)]
        data = mutated(target, dice)
        counts[target] += 1
        signal.alarm(LONGEST)
        try:
            run(target, data)
        except Exception as error:  # noqa: BLE001 - each is a find
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{target}: {type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}"
            if where not in faults:
                faults.add(where)
                print(f"{where}: {error}\n  kept in {kept(target, data)}", flush=True)
        finally:
            signal.alarm(0)
    print(", ".join(f"{name} {count}" for name, count in counts.items()), flush=True)
    print(f"{len(faults)} faults", flush=True)
    return min(len(faults), 99)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
