"""Run files of conformance cases: `python tests/conformance/run.py [FILE...]`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from conformance.authorization import (  # noqa: E402 - a script's own place
    RequestTally,
    compare_authorization,
    is_authorization,
)
from conformance.compare import Tally, cases, compare  # noqa: E402
from conformance.mismatch import Mismatch  # noqa: E402

TOLD = 10


def main(arguments: list[str]) -> int:
    """Compare every case of the files, by default all that lie here; 1 on any mismatch.

    A case is about mutual TLS, or, where it has `asks`, about authorization.
    """
    paths = [Path(argument) for argument in arguments] or sorted(HERE.glob("*.jsonl.gz"))
    if not paths:
        sys.stderr.write(f"no cases: {HERE} holds no *.jsonl.gz\n")
        return 1
    tally, requests = Tally(), RequestTally()
    mismatches: list[Mismatch] = []
    refusals: list[Mismatch] = []
    for path in paths:
        for case in cases(path):
            if is_authorization(case):
                requests = requests.plus(case)
                refusals += compare_authorization(case)
            else:
                tally = tally.plus(case)
                mismatches += compare(case)
    for mismatch in [*mismatches[:TOLD], *refusals[:TOLD]]:
        sys.stdout.write(f"{mismatch}\n")
    if tally.cases or not requests.cases:
        sys.stdout.write(
            f"{tally.cases} cases, {tally.servers} servers, {tally.calls} calls, "
            f"{len(mismatches)} mismatches\n"
        )
    if requests.cases:
        sys.stdout.write(
            f"{requests.cases} cases, {requests.requests} requests, {len(refusals)} mismatches\n"
        )
    return 1 if mismatches or refusals or not (tally.cases or requests.cases) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
