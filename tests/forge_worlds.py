"""Repositories with a forge in front, for the tests that every forge must pass."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgate.promotion.forge import Draft
from meshgate.promotion.forge.known.local import LocalForge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from meshgate.promotion.forge import Forge

PROMOTER = "promoter"
REVIEWER = "ruth"
BRANCH = "promote/prod/r-0123456789ab"


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it prints."""
    identity = ("-c", "user.name=A Test", "-c", "user.email=test@example.com")
    argv = ("git", "-C", str(folder), *identity, *arguments)
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ})
    return done.stdout.strip()


@dataclass
class World:
    """A bare repository, a clone to push from, and the forge under test.

    forge  the forge as the promoter sees it
    local  what is behind a fake, and what people do: review, merge in the browser
    """

    origin: Path
    clone: Path
    forge: Forge
    local: Callable[[str], LocalForge]

    def push(self, branch: str, start: str = "origin/main", **files: str) -> str:
        """One commit on `branch`, made from `start` and pushed; its id."""
        git(self.clone, "fetch", "-q", "origin")
        git(self.clone, "switch", "-q", "-C", branch, start)
        for name, text in files.items():
            (self.clone / name).write_text(text, encoding="utf-8")
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "-q", "-m", f"Change {', '.join(files)}\n\nBy hand.")
        git(self.clone, "push", "-q", "--force", "origin", branch)
        return git(self.clone, "rev-parse", "HEAD")

    def tip(self, branch: str = "main") -> str:
        return git(self.origin, "rev-parse", branch)

    def subject(self, commit: str) -> str:
        return git(self.origin, "show", "-s", "--format=%s", commit)

    def parents(self, commit: str) -> int:
        return len(git(self.origin, "show", "-s", "--format=%P", commit).split())


def draft(branch: str = BRANCH, **changes: str) -> Draft:
    """A draft of a promotion."""
    title = changes.get("title", "promote(prod): 2026-08-22.3")
    body = changes.get("body", "What it does.\n")
    return Draft(branch, "main", title, body, ("env/prod", "promotion"))


def repository(folder: Path) -> tuple[Path, Path]:
    """A bare repository with one commit on main, and a clone of it."""
    origin, clone = folder / "origin.git", folder / "clone"
    git(folder, "init", "-q", "--bare", "-b", "main", str(origin))
    git(folder, "clone", "-q", str(origin), str(clone))
    git(clone, "switch", "-q", "-c", "main")
    (clone / "state").write_text("digest: 0\n", encoding="utf-8")
    git(clone, "add", "--all")
    git(clone, "commit", "-q", "-m", "Start")
    git(clone, "push", "-q", "origin", "main")
    return origin, clone


@contextlib.contextmanager
def local_world(folder: Path) -> Iterator[World]:
    """The forge `local` itself."""
    origin, clone = repository(folder)

    def acting(login: str) -> LocalForge:
        return LocalForge(origin, login, teams={"sre": [REVIEWER]})

    yield World(origin, clone, acting(PROMOTER), acting)


WORLDS: dict[str, Callable[[Path], contextlib.AbstractContextManager[World]]] = {
    "local": local_world,
}
