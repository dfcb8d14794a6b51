"""Make a new policy repository that validates at once.

DIR must be new or empty. It gets two environments, one application as an example, an
inventory, expectations, and a GitHub workflow that validates every pull request.

examples:
  meshgate init mesh-policies
  meshgate -C mesh-policies validate
"""

from __future__ import annotations

import argparse
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from meshgate import __version__
from meshgate.errors import UsageError

TEMPLATE = "template"
VERSION_MARK = "@VERSION@"
# A fresh clone of an empty repository counts as empty.
GIT = ".git"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("path", metavar="DIR", type=Path, help="a new or empty folder")


def run(options: argparse.Namespace) -> int:
    """Write the repository and say what comes next."""
    directory: Path = options.directory / options.path
    files = init(directory)
    print(f"{directory}: {len(files)} files written; try `meshgate -C {directory} validate`")
    return 0


def init(directory: Path) -> list[Path]:
    """Write a policy repository into a new or empty folder; the files written, sorted.

    Raises UsageError where there is something already, or nothing can be written.
    """
    template = resources.files("meshgate.cli") / TEMPLATE
    try:
        if directory.is_dir() and any(path.name != GIT for path in directory.iterdir()):
            raise UsageError(
                f"{directory} is not empty",
                why="Nothing that is there is ever overwritten.",
                hint="name a new folder",
            )
        directory.mkdir(parents=True, exist_ok=True)
        return sorted(_copy(template, directory))
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}") from error


def _copy(source: Traversable, target: Path) -> list[Path]:
    """Copy a folder's content; the files written."""
    written = []
    for entry in source.iterdir():
        path = target / entry.name
        if entry.is_dir():
            path.mkdir()
            written += _copy(entry, path)
        else:
            text = entry.read_text(encoding="utf-8").replace(VERSION_MARK, __version__)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
