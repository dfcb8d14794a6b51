"""This repository, broken in one way."""

from __future__ import annotations

import shutil
from pathlib import Path

from places import TESTS
from policy_repository import copy_policies

BROKEN = TESTS / "repositories" / "broken"


RESERVED = frozenset({"expected.txt", "remove.txt"})


def broken(situation: Path, target: Path) -> Path:
    """This repository, changed as the situation says."""
    copy_policies(target)
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
