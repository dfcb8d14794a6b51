"""Random meshes by profile: the same for the same seed, and without any of Istio's semantics."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from collections.abc import Iterator

from conformance.oracle import base
from conformance.oracle.profiles import PROFILES
from meshgate.model import JSONObject

# Every second mesh is of the common features; the others take turns.
COMMON = "dev"


def cases(seed: int, count: int, profile: str | None = None) -> Iterator[JSONObject]:
    """So many meshes without expectations; without a profile, of all of them.

    Raises KeyError where no profile has this name.
    """
    names = [profile] if profile else [name for other in PROFILES for name in (COMMON, other)]
    for number in range(count):
        name = names[number % len(names)]
        # A string, since a tuple's hash is not the same in every run.
        rng = random.Random(f"{name}/{seed}/{number}")
        mesh = PROFILES[name](rng) if name != COMMON else base.policies(base.plain(rng))
        yield mesh.case(f"{name}-{seed}-{number:04}", seed)


def main() -> None:
    """Prints meshes, one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--profile", choices=[COMMON, *PROFILES])
    options = parser.parse_args()
    for case in cases(options.seed, options.cases, options.profile):
        print(json.dumps(case, separators=(",", ":")))


if __name__ == "__main__":
    main()
