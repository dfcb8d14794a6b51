"""What one answer of git says of a line is what each of its commits says on its own."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import promoted
from meshgate.repository import Repository, mainline
from meshgate.repository.line_changes import (
    bringing,
    files_along,
    files_ever,
    objects_along,
    steps_along,
)
from meshgate.repository.trees import TreeEntry
from samples import sample

PATHS = ("rules.yaml", "a", "b", "c/one.yaml")


def odd_line(work: Path, seed: int) -> None:
    """Folders that become files, links and submodules and come again, also by merges."""
    dice = random.Random(seed)
    promoted.start(work)
    for key, value in (("log.showRoot", "false"), ("diff.renames", "copies")):
        promoted.git(work, "config", key, value)
    for number in range(30):
        if dice.random() < 0.2:
            promoted.git(work, "checkout", "--quiet", "-B", "side")
            change(work, dice, number)
            promoted.git(work, "checkout", "--quiet", "main")
            promoted.commit(work, {f"beside/{number}": "x"}, "main", day=number)
            promoted.git(work, "merge", "--quiet", "--no-edit", "side", day=number)
        else:
            change(work, dice, number)


def change(work: Path, dice: random.Random, number: int) -> None:
    path = work / dice.choice(PATHS)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    what = dice.choice(("file", "folder", "folder", "link", "module", "gone"))
    if what == "file":
        path.write_text(f"{dice.randrange(3)}\n")
    elif what == "folder":
        for name in dice.sample(("x", "y/z", "ä b\n"), 2):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(f"{dice.randrange(3)}")
    elif what == "link":
        path.symlink_to("elsewhere")
    promoted.git(work, "add", "--all")
    if what == "module":
        name = str(path.relative_to(work))
        entry = f"160000,{'5' * 40},{name}"
        promoted.git(work, "update-index", "--add", "--cacheinfo", entry)
    promoted.git(work, "commit", "--quiet", "--allow-empty", "-m", f"{number}\n\n:x\n", day=number)
    if what == "module":
        # An empty folder is a submodule that is not there.
        path.mkdir(exist_ok=True)


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(sample(6, 2)))
@pytest.mark.sampled(every=2)
def test_a_line_is_what_its_commits_are(tmp_path: Path, seed: int) -> None:
    odd_line(tmp_path / "work", seed)
    with Repository(tmp_path / "work") as repository:
        head = repository.resolve("main")
        steps = steps_along(repository, head, *PATHS)
        known = objects_along(steps, *PATHS)
        assert [step.commit for step in steps] == mainline(repository, head, *PATHS)
        for path in PATHS:
            assert [step.commit for step in steps if step.touches([path])] == mainline(
                repository, head, path
            )
        kinds = set()
        for step in steps:
            for path in PATHS:
                listed = promoted.git(
                    repository.root, "ls-tree", "-z", step.commit.sha, "--", path
                ).split()
                kinds.add(listed[0] if listed else "")
                if not listed:
                    assert known[step.commit.sha, path] is None
                elif listed[0] == "160000":
                    assert (step.commit.sha, path) not in known
                else:
                    assert known[step.commit.sha, path] == listed[2]
        assert kinds >= {"", "040000", "100644", "120000", "160000"}
        ever: set[TreeEntry] = set()
        for commit, files in files_along(steps, *PATHS):
            assert sorted(files.values()) == repository.entries(commit, *PATHS)
            ever.update(files.values())
        assert files_ever(steps, *PATHS) == ever
        for folder in ("a", "b"):
            brought = bringing(steps, folder)
            for entry in repository.entries(head, folder):
                if entry.path != folder:
                    assert brought[entry.path] == mainline(repository, head, entry.path)[0]
            assert all(path.startswith(f"{folder}/") for path in brought)


def test_a_line_without_such_a_path_has_no_step(tmp_path: Path) -> None:
    promoted.start(tmp_path / "work")
    with Repository(tmp_path / "work") as repository:
        assert steps_along(repository, repository.resolve("main"), "nowhere") == []
