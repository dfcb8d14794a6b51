"""This repository, broken in one way."""

from __future__ import annotations

import shutil
from pathlib import Path

from places import REPOSITORY, TESTS

BROKEN = TESTS / "repositories" / "broken"


SOURCES = ("policies", "overlays", "inventory", "waivers", "expectations")


RESERVED = frozenset({"expected.txt", "remove.txt"})


def copy_sources(target: Path) -> Path:
    """A copy of what is judged of this repository."""
    target.mkdir()
    for folder in SOURCES:
        shutil.copytree(REPOSITORY / folder, target / folder)
    shutil.copy(REPOSITORY / "environments.yaml", target)
    return target


def broken(situation: Path, target: Path) -> Path:
    """This repository, changed as the situation says."""
    copy_sources(target)
    removed = situation / "remove.txt"
    for name in removed.read_text().split() if removed.exists() else ():
        (target / name).unlink()
    for file in changed_files(situation):
        place = target / file.relative_to(situation)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        shutil.copy(file, place, follow_symlinks=False)
    return target


def changed_files(situation: Path) -> list[Path]:
    return [
        path
        for path in situation.rglob("*")
        if path.name not in RESERVED and (path.is_symlink() or not path.is_dir())
    ]


def situations() -> list[Path]:
    return sorted(folder for folder in BROKEN.iterdir() if folder.is_dir())
