"""Make a new policy repository, or make one of the repository that is there.

DIR must be new or empty. It gets two environments, one application as an example, an
inventory, expectations, and a GitHub workflow that validates every pull request.

With --here the repository is read, and nothing of it is run: its kustomizations, charts,
Argo CD and Flux objects tell what its environments are built from. What was found, what is
proposed and all that is missing is printed. On a terminal you are asked which environments,
and then which files, to leave out; --yes takes all of them, and without a terminal nothing
is written. No file that is there is touched: a change to one is shown as a patch. Run again, it
proposes only what is new.

examples:
  meshgate init mesh-policies
  meshgate -C mesh-policies validate
  meshgate init --here
  meshgate init --here --yes
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from meshgate.cli.init_here import init_here
from meshgate.cli.options import add_engine
from meshgate.config.shape import schema_files
from meshgate.errors import UsageError
from meshgate.origin import InstallOrigin, origin

TEMPLATE = "template"
# What pip is given, as a quoted YAML value; where that comes from; how a person installs it.
REQUIREMENT_MARK, ORIGIN_MARK, INSTALL_MARK = '"@REQUIREMENT@"', "@ORIGIN@", "@INSTALL@"
# Where editors find the schemas of what people write.
SCHEMAS, EDITED = ".schemas", ("environments", "waivers", "expectations")
# A fresh clone of an empty repository counts as empty.
GIT = ".git"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("path", metavar="DIR", type=Path, nargs="?", help="a new or empty folder")
    parser.add_argument("--here", action="store_true", help="the repository that is there")
    parser.add_argument("--yes", action="store_true", help="write what is proposed, do not ask")
    add_engine(parser)


def run(options: argparse.Namespace) -> int:
    """Write the repository and say what comes next. Raises UsageError."""
    if options.here == (options.path is not None):
        raise UsageError(
            "init takes a new folder, or --here",
            hint="`meshgate init DIR` makes a repository, `meshgate init --here` reads this one",
        )
    if options.here:
        return init_here(options)
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
        return sorted([*_copy(template, directory, marks(origin())), *_schemas(directory)])
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}") from error


def _schemas(directory: Path) -> Iterator[Path]:
    """Write what the first lines of the files tell editors; the files written."""
    files = schema_files()
    (directory / SCHEMAS).mkdir()
    for name in EDITED:
        path = directory / SCHEMAS / files[name].name
        path.write_bytes(files[name].read_bytes())
        yield path


def marks(meshgate: InstallOrigin) -> dict[str, str]:
    """What stands in the template for where this meshgate came from."""
    install = f"pip install '{meshgate.requirement}'"
    if not meshgate.requirement:
        install = f"# install meshgate; this repository was written by {meshgate.words}"
    return {
        REQUIREMENT_MARK: json.dumps(meshgate.requirement),
        ORIGIN_MARK: meshgate.words,
        INSTALL_MARK: install,
    }


def _copy(source: Traversable, target: Path, replaced: Mapping[str, str]) -> list[Path]:
    """Copy a folder's content with what stands for its marks; the files written."""
    written = []
    for entry in source.iterdir():
        path = target / entry.name
        if entry.is_dir():
            path.mkdir()
            written += _copy(entry, path, replaced)
        else:
            text = entry.read_text(encoding="utf-8")
            for mark, value in replaced.items():
                text = text.replace(mark, value)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
