"""Two revisions of a repository as folders, without a checkout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import RepositoryError
from meshgate.pipeline.base_folder import BaseFolder
from meshgate.repository import Changed, Repository

WORKING_TREE = "working tree"
# The branch a pull request is for, inside GitHub Actions.
TARGET_VARIABLE = "GITHUB_BASE_REF"
SHORT = 12


class GitRevisions(NamedTuple):
    """The folders of both revisions, and what people call these.

    differing  names, relative to the folders, of files and folders that may differ; None: unknown
    base_folder  by which `before` is written as far as it is needed; None: all of it is there
    change       what differs between `before` and the working tree; None: between two commits
    """

    before: Path
    after: Path
    base: str
    head: str
    differing: frozenset[str] | None = None
    base_folder: BaseFolder | None = None
    change: Changed | None = None

    @classmethod
    def of(
        cls, root: Path, base: str | None, head: str | None, folder: Path, *, whole: bool = True
    ) -> GitRevisions:
        """Write the revisions into an empty folder, the working tree aside, which is `root`.

        `base` None: the default branch; its merge base with `head` is what counts. Not `whole`:
        `base_folder` writes what is needed of the first one. Raises RepositoryError.
        """
        from meshgate import repository  # noqa: PLC0415 - GitPython is slow to import

        top = repository.top(root)
        below = os.path.relpath(os.path.realpath(root), top)
        with repository.Repository(top) as opened:
            repository.refuse_shallow(opened)
            after = opened.resolve(head or "HEAD")
            reference = base or os.environ.get(TARGET_VARIABLE) or ""
            before = _branched(opened, reference, after, is_branch=base is None)
            base_folder = BaseFolder(opened, before, folder / "before", below)
            new = root if head is None else _written(opened, after, folder / "after", below)
        change = None
        if head is None:
            # What git ignores is not in the commit, and may decide in the working tree.
            change = repository.changed(root, before)
            differing: frozenset[str] | None = change.files | change.ignored
        else:
            names = repository.changed_between(root, before, after)
            differing = names and frozenset(os.path.relpath(name, below) for name in names)
        if whole or differing is None:
            base_folder.write_all()
        name = WORKING_TREE if head is None else after[:SHORT]
        return cls(base_folder.root, new, before[:SHORT], name, differing, base_folder, change)


def _branched(opened: Repository, reference: str, head: str, *, is_branch: bool) -> str:
    """The commit where the head left a reference."""
    from meshgate import repository  # noqa: PLC0415 - as above

    # A branch as it was fetched counts before the one of this clone.
    base = repository.base_branch(opened, reference).commit if is_branch else ""
    other = base or opened.resolve(reference)
    common = repository.merge_base(opened, other, head)
    if common is None:
        raise RepositoryError(
            f"{other[:SHORT]} and {head[:SHORT]} have no commit in common",
            why="What a change does is told from where it left the other branch.",
            hint="--base names another reference",
        )
    return common


def _written(opened: Repository, commit: str, folder: Path, below: str) -> Path:
    from meshgate.repository import extract  # noqa: PLC0415 - as above

    folder.mkdir()
    extract(opened, commit, [] if below == "." else [below], folder)
    return folder / below
