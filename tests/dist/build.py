"""Make what a release is made of, twice, and see that it is the same to the byte.

It is made of the commit that is checked out, in two clones: what is not committed is in no release.
`nox -s dist [-- FOLDER]` runs this with the packages of `.ci/dist.txt`. The folder (default: dist) gets
the sdist, the wheel made of it, the one-file program, the bill of materials and the checksums.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "constraints.txt"
PROGRAM, BILL, SUMS = "meshgate.pyz", "meshgate.cdx.json", "SHA256SUMS"
# Every forge, clusters and Prometheus: who takes one file wants to install nothing more.
EXTRAS = "cluster,github,gitea,gitlab,prometheus"


def main(arguments: list[str]) -> int:
    """Build twice; 1 where the two differ."""
    target = Path(arguments[0] if arguments else ROOT / "dist").resolve()
    with tempfile.TemporaryDirectory(prefix="meshgate-dist-") as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        for place in (first, second):
            place.mkdir()
            build(place / "dist", work=place)
        differing = sorted(
            name
            for name in names(first / "dist") | names(second / "dist")
            if content(first / "dist" / name) != content(second / "dist" / name)
        )
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(first / "dist", target)
    print((target / SUMS).read_text(encoding="utf-8"), end="")
    if differing:
        print(f"built twice, not the same: {', '.join(differing)}", file=sys.stderr)
        return 1
    print(f"{target}: built twice, the same to the byte")
    return 0


def build(dist: Path, *, work: Path) -> None:
    """Everything of a release, into one new folder."""
    # The time of the commit, not of the build; umask, since an archive keeps who may read a file.
    os.umask(0o022)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch(), "PYTHONHASHSEED": "0"}

    def run(*argv: str | Path) -> None:
        subprocess.run([str(word) for word in argv], check=True, env=environment, cwd=work)

    sources = work / "sources"
    run("git", "clone", "--quiet", ROOT, sources)
    # The wheel comes from the sdist: what the sdist lacks is missing in the wheel, too.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, sources)
    (wheel,) = dist.glob("*.whl")
    installed = work / "venv"
    run("uv", "venv", "--quiet", "--python", sys.executable, installed)
    run(
        *("uv", "pip", "install", "--quiet", "--python", installed, "--constraint", LOCK),
        f"meshgate[{EXTRAS}] @ {wheel.as_uri()}",
    )
    # Where it was installed from is a temporary folder of this run.
    for origin in installed.glob("lib/*/site-packages/meshgate-*/direct_url.json"):
        origin.unlink()
        record = origin.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if "direct_url" not in line))
    run(
        *(sys.executable, "-m", "pex", f"meshgate[{EXTRAS}]", "--venv-repository", installed),
        # Between tags the version is one of development.
        *("--pre", "--script", "meshgate", "--sh-boot", "--no-compile", "--no-use-system-time"),
        *("--output-file", dist / PROGRAM),
    )
    run(
        *(Path(sys.executable).with_name("cyclonedx-py"), "environment", installed),
        *("--pyproject", sources / "pyproject.toml", "--output-reproducible"),
        *("--spec-version", "1.6", "--output-format", "JSON", "--output-file", dist / BILL),
    )
    sums = [
        f"{hashlib.sha256(content(dist / name)).hexdigest()}  {name}" for name in sorted(names(dist))
    ]
    (dist / SUMS).write_text("\n".join(sums) + "\n", encoding="utf-8")


def epoch() -> str:
    """The second that everything is dated to: what the caller says, else the commit's."""
    if stated := os.environ.get("SOURCE_DATE_EPOCH"):
        return stated
    log = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return log.stdout.strip()


def names(folder: Path) -> set[str]:
    """The files of a folder, but for the `.gitignore` that builders leave."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def content(file: Path) -> bytes:
    """A file's bytes; none where it is missing."""
    return file.read_bytes() if file.is_file() else b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
