"""All findings of a folder, and the count of its calls by outcome: what a fleet costs."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from meshgate import source
from meshgate.cli import judging
from meshgate.cli.lint import read_all
from meshgate.model import BuildRecord, Environment

DAY = datetime.date(2026, 8, 1)


def main() -> int:
    """Judge the folder that the command line names."""
    root = Path(sys.argv[1])
    loaded = list(read_all(root, ["."], {}))
    build = source.Build(
        resources=[resource for part in loaded for resource in part.resources],
        record=BuildRecord(defects=tuple(defect for part in loaded for defect in part.defects)),
    )
    context = judging.context_of(Environment(name=""), build, (), DAY, engine="jsonschema")
    assert context.mesh is not None
    findings = judging.judge_context(context, source.Locator(root))
    counts = context.mesh.counts()
    print(len(findings), "findings;", *(f"{count} {name}" for name, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
