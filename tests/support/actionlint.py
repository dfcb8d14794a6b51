"""Run the pinned actionlint over the workflows, and those of the examples; build it if need be."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from meshgate.tools import installed

ROOT = Path(__file__).parents[2]


def main() -> int:
    """The exit code of actionlint."""
    program = [str(installed("actionlint")), "-no-color"]
    workflows = map(str, ROOT.glob(".github/workflows/*.yml"))
    own = subprocess.run([*program, *workflows], check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        # Where people copy them to: what one calls is looked for there.
        copies = Path(folder, ".github", "workflows")
        copies.mkdir(parents=True)
        (Path(folder) / ".git").mkdir()
        for file in ROOT.glob("docs/examples/**/github*.yml"):
            shutil.copy(file, copies)
        names = sorted(f".github/workflows/{file.name}" for file in copies.iterdir())
        examples = subprocess.run([*program, *names], cwd=folder, check=False).returncode
    return own or examples


if __name__ == "__main__":
    sys.exit(main())
