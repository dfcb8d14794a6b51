"""Compare the mesh model with Istio's own code on fresh random meshes.

`python tests/conformance/oracle/run.py --seed 7 --cases 1000 [--profile sidecar]`
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from collections.abc import Iterable

from conformance.oracle.generate import COMMON, cases
from conformance.oracle.profiles import PROFILES
from conformance.oracle.program import answers
from conformance.run import main as compare
from meshgate.errors import MeshgateError
from meshgate.model import JSONObject


def write(path: Path, answered: Iterable[JSONObject]) -> None:
    """A file of cases, the same bytes for the same cases."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        for case in answered:
            packed.write(json.dumps(case, separators=(",", ":")).encode() + b"\n")


def main(arguments: list[str]) -> int:
    """0 where the model agrees, 1 where it does not, 4 where there is no Go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--profile", choices=[COMMON, *PROFILES])
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the cases (*.jsonl.gz)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        path = options.write or Path(scratch) / "fresh.jsonl.gz"
        fresh = cases(options.seed, options.cases, options.profile)
        try:
            write(path, answers(fresh, options.cases))
        except MeshgateError as error:
            sys.stderr.write(f"error: {error}\n")
            return error.exit_code
        return compare([str(path)])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
