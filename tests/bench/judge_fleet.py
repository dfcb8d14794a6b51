"""All findings of a folder, and the count of its calls by outcome: what a fleet costs."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from meshgate import garbage, interrupts
from meshgate.model import Environment
from meshgate.pipeline import Objects, Settings, judge
from meshgate.pipeline.manifests import ManifestArguments, read_manifests

DAY = datetime.date(2026, 8, 1)


def main() -> int:
    """Judge the folder that the command line names."""
    garbage.collect_rarely()
    root = Path(sys.argv[1])
    manifests = read_manifests(root, ManifestArguments(["."]))
    files = Objects({"": manifests.build}, manifests.locate)
    (judged,) = judge([Environment(name="")], files, Settings(DAY, "jsonschema")).values()
    findings, counts = judged.findings, judged.mesh.counts()
    print(len(findings), "findings;", *(f"{count} {name}" for name, count in counts.items()))
    return 0


if __name__ == "__main__":
    # As the command ends: what a large fleet left in memory is not taken apart first.
    interrupts.end(main())
