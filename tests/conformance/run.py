"""Run files of conformance cases: `python tests/conformance/run.py [FILE...]`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from conformance.compare import Mismatch, Tally, cases, compare  # noqa: E402 - a script's own place

TOLD = 10


def main(arguments: list[str]) -> int:
    """Compare every case of the files, by default all that lie here; 1 on any mismatch."""
    paths = [Path(argument) for argument in arguments] or sorted(HERE.glob("*.jsonl.gz"))
    if not paths:
        sys.stderr.write(f"no cases: {HERE} holds no *.jsonl.gz\n")
        return 1
    tally = Tally()
    mismatches: list[Mismatch] = []
    for path in paths:
        for case in cases(path):
            tally = tally.plus(case)
            mismatches += compare(case)
    for mismatch in mismatches[:TOLD]:
        sys.stdout.write(f"{mismatch}\n")
    sys.stdout.write(
        f"{tally.cases} cases, {tally.servers} servers, {tally.calls} calls, "
        f"{len(mismatches)} mismatches\n"
    )
    return 1 if mismatches or not tally.cases else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
