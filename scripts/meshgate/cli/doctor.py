"""Tell which programs and packages a run would use, and what is missing or would be faster.

Nothing is changed and nothing is fetched. It ends with 0 where everything that is needed is there,
with 4 where something is missing, whatever else it says.

examples:
  meshgate doctor
  meshgate doctor --format json
"""

from __future__ import annotations

import argparse
import enum
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from meshgate import __version__, tools
from meshgate.cli.options import REPOSITORY, cache_folder
from meshgate.cli.output import publish
from meshgate.errors import MeshgateError, ToolError, install_beside
from meshgate.process import run as run_program
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.schema import kubeconform
from meshgate.source.build import workers_program
from meshgate.source.program import renderer

BUILD = "`nox -s tools` builds it"
TIMEOUT = 20.0
# What an extra of the package brings, by the libraries that it needs.
EXTRAS = {
    "github, gitlab, gitea": (("httpx",), "promotion on a forge"),
    "prometheus": (("httpx",), "`meshgate traffic capture`"),
    "cluster": (("kubernetes",), "`meshgate inventory` and `meshgate verify`"),
    "tables": (("pyarrow", "duckdb"), "`meshgate tables` and `meshgate query`"),
    "dask": (("distributed",), "`--scheduler`"),
}


class State(enum.StrEnum):
    """How a part stands."""

    OK = "ok"
    SLOWER = "slower"
    OPTIONAL = "not installed"
    MISSING = "missing"


STYLES = {State.OK: "green", State.SLOWER: "yellow", State.OPTIONAL: "dim", State.MISSING: "red"}


class CheckedPart(NamedTuple):
    """One thing that a run uses: what it is here, and what to do about it; empty: nothing."""

    name: str
    state: State
    what: str
    advice: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    del parser


def run(options: argparse.Namespace) -> int:
    """Print how each part stands."""
    parts = list(inspect(options))
    publish(FORMATS, parts, options)
    missing = any(part.state is State.MISSING for part in parts)
    return ToolError.exit_code if missing else 0


def inspect(options: argparse.Namespace) -> Iterator[CheckedPart]:
    """The parts, those that are needed first."""
    python = f"Python {platform.python_version()} at {sys.executable}"
    yield CheckedPart("meshgate", State.OK, f"{__version__}, {python}")
    yield _git()
    yield _renderer(options.directory)
    yield _schemas()
    yield _go()
    for name, (libraries, use) in EXTRAS.items():
        if all(map(find_spec, libraries)):
            yield CheckedPart(name, State.OK, f"{', '.join(libraries)}: {use}")
        else:
            advice = install_beside(*libraries)
            yield CheckedPart(name, State.OPTIONAL, f"needed for {use} alone", advice)
    yield _cache(cache_folder(options))
    yield _repository(options.directory)


def _git() -> CheckedPart:
    path = shutil.which("git")
    if path is None:
        return CheckedPart(
            "git", State.MISSING, "not on PATH", "install the package git of your system"
        )
    try:
        version = run_program([path, "--version"], timeout=TIMEOUT).stdout
    except MeshgateError as error:
        return CheckedPart("git", State.MISSING, error.what, error.hint)
    return CheckedPart("git", State.OK, f"{version.decode(errors='replace').strip()} at {path}")


def _renderer(root: Path) -> CheckedPart:
    try:
        chosen = renderer(root)
    except MeshgateError as error:
        return CheckedPart("renderer", State.MISSING, error.what, error.hint)
    program = Path(chosen.argv[0])
    what = f"kustomize {chosen.version}"
    workers = workers_program()
    if workers is not None and workers.version == chosen.version:
        return CheckedPart(
            "renderer", State.OK, f"{what}, by workers that stay where there is much to do"
        )
    worker = f"workers that stay render many overlays ten times as fast: {BUILD}, with Go"
    if program.name.startswith("kubectl"):
        return CheckedPart("renderer", State.SLOWER, f"{what}, in {program}", worker)
    return CheckedPart("renderer", State.SLOWER, f"{what} at {program}", worker)


def _schemas() -> CheckedPart:
    try:
        program = kubeconform.on_path()
    except MeshgateError as error:
        return CheckedPart("schemas", State.MISSING, error.what, error.hint)
    if program is None:
        return CheckedPart(
            "schemas", State.OK, "the engine in this package; both engines say the same"
        )
    return CheckedPart("schemas", State.OK, f"kubeconform at {program}")


def _go() -> CheckedPart:
    path = shutil.which("go")
    if path is None:
        return CheckedPart(
            "go", State.OPTIONAL, "needed to build programs alone", f"without it, {tools.GO_WHEEL}"
        )
    return CheckedPart("go", State.OK, f"{path}: builds programs")


def _cache(folder: Path | None) -> CheckedPart:
    if folder is None:
        return CheckedPart("cache", State.SLOWER, "not used", "leave out --no-cache")
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK):
        advice = f"make {folder} writable, or set XDG_CACHE_HOME"
        return CheckedPart("cache", State.SLOWER, f"{folder} cannot be written", advice)
    return CheckedPart("cache", State.OK, str(folder))


def _repository(root: Path) -> CheckedPart:
    if not (root / REPOSITORY).is_file():
        advice = "`meshgate init DIR` makes one; `meshgate lint` needs none"
        return CheckedPart("repository", State.OPTIONAL, f"no {REPOSITORY} here", advice)
    return CheckedPart("repository", State.OK, str(root.absolute()))


def text(parts: Sequence[CheckedPart], options: Options) -> str:
    """A line each, and below them what to do."""
    style = Style(color=options.color)
    columns = (Column("part"), Column("state"), Column("here", soft=True))
    rows = [
        [Cell(part.name), Cell(part.state, STYLES[part.state]), Cell(plain(part.what))]
        for part in parts
    ]
    lines = list(table(columns, rows, style, options.width))
    advice = [f"{part.name}: {part.advice}" for part in parts if part.advice]
    if advice:
        lines.append("")
    for line in advice:
        lines += wrap(plain(line), options.width)
    return page(lines)


def json(parts: Sequence[CheckedPart], _options: Options) -> str:
    """`{"version", "parts"}`, a part a line (schemas/meshgate/parts.schema.json)."""
    return document(version=VERSION, parts=Rows(part._asdict() for part in parts))


FORMATS = formats.of(text, json)
