"""The table of the lab's parts, and where each is once it is built.

A part is a folder `${XDG_CACHE_HOME:-~/.cache}/meshgate/tools/NAME-VERSION/`, outside every
repository: its programs, and the files of its module that are needed at run time.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import ToolError
from meshgate.tools import tools_folder

TABLE = Path(__file__).parents[2] / "pyproject.toml"

# Written last: a part without it was not finished.
RECORD = "build.json"


class Part(NamedTuple):
    """One table of `[tool.meshgate.parts]`."""

    name: str
    version: str
    recipe: str
    module: str
    programs: dict[str, str]  # name -> Go package, wheel member or path
    link: str = ""  # for the Go linker
    tags: str = ""  # for the Go compiler
    needs: tuple[str, ...] = ()  # parts that it is built with
    edit: tuple[str, ...] = ()  # for `go mod edit`
    staging: str = ""
    keep: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the part is kept."""
        return tools_folder() / f"{self.name}-{self.version}"

    def program(self, name: str) -> Path:
        """The path of one of its programs."""
        return Path(self.programs[name]) if self.recipe == "debian" else self.folder / name

    def file(self, path: str) -> Path:
        """The path of one of the files that `keep` names, or of one below it."""
        return self.folder / path

    @property
    def ready(self) -> bool:
        """Whether it is there, whole."""
        if self.recipe == "debian":
            return all(self.program(name).exists() for name in self.programs)
        return (self.folder / RECORD).is_file()


@cache
def parts() -> dict[str, Part]:
    """Every part by name, in the order of the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["tool"]["meshgate"]["parts"]
    return {
        name: Part(
            name,
            entry["version"],
            entry["recipe"],
            entry["module"],
            dict(entry.get("programs", {})),
            entry.get("link", "").format(version=entry["version"]),
            entry.get("tags", ""),
            tuple(entry.get("needs", ())),
            tuple(entry.get("edit", ())),
            entry.get("staging", ""),
            tuple(entry.get("keep", ())),
            tuple(entry.get("sha256", ())),
        )
        for name, entry in table.items()
    }


def program(name: str) -> Path:
    """Where a program of any part is. Raises ToolError when its part is not there."""
    for part in parts().values():
        if name in part.programs:
            if not part.ready:
                raise ToolError(
                    f"{name} is not there: its part {part.name} {part.version} is not built",
                    hint=f"nox -s parts -- {part.name}",
                )
            return part.program(name)
    raise ToolError(f"no part has a program named {name}", hint=f"see {TABLE.name}")
