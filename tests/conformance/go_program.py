"""Go programs that other people's code is asked with: built once into the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import ToolError
from meshgate.process import run

# Seconds: the first build compiles all dependencies.
BUILD_TIMEOUT = 3600


class GoProgram(NamedTuple):
    """The Go program of a folder.

    title, what  it and what it asks, in the words of messages; `without` says what needs no Go
    """

    name: str
    title: str
    folder: Path
    what: str
    without: str

    def sources(self) -> list[Path]:
        """What it is built from, in a fixed order."""
        return sorted([*self.folder.glob("*.go"), self.folder / "go.mod", self.folder / "go.sum"])

    def digest(self) -> str:
        """What tells one version of the sources from another."""
        found = hashlib.sha256()
        for path in self.sources():
            found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return found.hexdigest()[:16]

    def built(self) -> Path:
        """The built program; builds it where the cache has none.

        Raises ToolError where there is no Go, or where it does not build.
        """
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = cache / "meshgate" / "tools" / f"{self.name}-{self.digest()}"
        built = folder / self.name
        if built.exists():
            return built
        go = shutil.which("go")
        if go is None:
            raise ToolError(
                f"{self.title} needs Go, and there is none on PATH",
                why=f"its program is {self.what} and is built on first use",
                hint=f"install Go 1.26 or newer; {self.without}",
            )
        sys.stderr.write(f"{self.name}: building the Go program, some minutes the first time\n")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            fresh = Path(scratch) / self.name
            done = run(
                [go, "build", "-buildvcs=false", "-o", str(fresh), "."],
                cwd=self.folder,
                timeout=BUILD_TIMEOUT,
            )
            if done.code:
                raise ToolError(
                    f"{self.title} does not build",
                    why=done.stderr.strip(),
                    hint=f"go.mod asks for Go 1.26 and for {self.what} from the module proxy",
                )
            fresh.replace(built)
        return built
