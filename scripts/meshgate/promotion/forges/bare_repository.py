"""What a forge does to a bare repository: merge without a working tree, by git's plumbing."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshgate import process
from meshgate.promotion.forges.forge import ForgeRefusedError

TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """Two commits that git cannot merge; what it says of them."""

    text: str


@dataclass(frozen=True, slots=True)
class BareRepository:
    """A bare repository; `login` is who its new commits are by.

    `merged` remembers the trees of merges by the ids of the two commits, which never change.
    """

    path: Path
    login: str
    merged: dict[tuple[str, str], str | MergeConflict] = field(default_factory=dict, compare=False)
    # What git said of the branches, by what its files of references were then; the newest.
    listed: dict[frozenset[tuple[object, ...]], dict[str, str]] = field(
        default_factory=dict, compare=False
    )

    def branches(self) -> dict[str, str]:
        """The commit of every branch; git is asked again where a file of references is another."""
        files = self._reference_files()
        if files not in self.listed:
            branches = self._branches()
            self.listed.clear()
            self.listed[files] = branches
        return dict(self.listed[files])

    def _reference_files(self) -> frozenset[tuple[object, ...]]:
        """The files that hold branches, each with what a new content changes of it.

        git writes each anew and renames it, so that it is another file (`st_ino`).
        """
        folders = (self.path / "refs/heads", self.path / "reftable")
        files = [self.path / "packed-refs", *(each for top in folders for each in top.rglob("*"))]
        stats = []
        for file in files:
            with contextlib.suppress(OSError):
                stat = file.stat()
                stats.append((file, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
        return frozenset(stats)

    def _branches(self) -> dict[str, str]:
        listed = self._git(
            "for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"
        )
        pairs = (line.split(" ", 1) for line in listed.splitlines())
        return {name: sha for sha, name in pairs}

    def contains(self, descendant: str, ancestor: str) -> bool:
        done = self._run("merge-base", "--is-ancestor", ancestor, descendant)
        if done.code == 1:
            return False
        self._succeeded("merge-base", done)
        return True

    def merged_tree(self, ours: str, theirs: str) -> str | MergeConflict:
        """The tree of two commits' merge."""
        known = self.merged.get((ours, theirs))
        if known is not None:
            return known
        done = self._run("merge-tree", "--write-tree", ours, theirs)
        text = done.stdout.decode("utf-8", "replace")
        if done.code != 1:
            self._succeeded("merge-tree", done)
        tree = MergeConflict(text) if done.code else text.strip()
        return self.merged.setdefault((ours, theirs), tree)

    def merge(
        self, base: str, head: str, method: str, message: str, at: datetime.datetime
    ) -> str | MergeConflict:
        """The commit that `base` should become; nothing refers to it yet."""
        if method == "rebase":
            return self._rebased(base, head, at)
        tree = self.merged_tree(base, head)
        if isinstance(tree, MergeConflict):
            return tree
        parents = (base,) if method == "squash" else (base, head)
        return self._commit(tree, parents, message, self._dates(at))

    def move(self, branch: str, commit: str, expected: str) -> None:
        """Let a branch point at another commit if it still points at `expected`."""
        self._git("update-ref", f"refs/heads/{branch}", commit, expected)

    def _rebased(self, base: str, head: str, at: datetime.datetime) -> str | MergeConflict:
        """The commits of head that base lacks, each on top of the one before, authors kept."""
        tip = base
        for commit in self._git("rev-list", "--reverse", "--no-merges", f"{base}..{head}").split():
            tree = self._picked(tip, commit, at)
            if isinstance(tree, MergeConflict):
                return tree
            shown = self._git("show", "-s", "--format=%an%n%ae%n%aI%n%B", commit)
            author, email, date, message = shown.split("\n", 3)
            identity = self._dates(at) | {
                "GIT_AUTHOR_NAME": author,
                "GIT_AUTHOR_EMAIL": email,
                "GIT_AUTHOR_DATE": date,
            }
            tip = self._commit(tree, (tip,), message, identity)
        return tip

    def _picked(self, tip: str, commit: str, at: datetime.datetime) -> str | MergeConflict:
        """The tree of `commit` applied to `tip`.

        git 2.38 merges trees only from commits' own merge base, so the three trees are given as
        commits that have just that base.
        """
        dates = self._dates(at)
        origin = self._commit(f"{commit}^^{{tree}}", (), "base", dates)
        ours = self._commit(f"{tip}^{{tree}}", (origin,), "ours", dates)
        theirs = self._commit(f"{commit}^{{tree}}", (origin,), "theirs", dates)
        return self.merged_tree(ours, theirs)

    def _commit(
        self, tree: str, parents: tuple[str, ...], message: str, identity: Mapping[str, str]
    ) -> str:
        above = [argument for parent in parents for argument in ("-p", parent)]
        return self._git(
            "commit-tree", *above, "-F", "-", tree, stdin=message.encode(), environment=identity
        )

    def _dates(self, at: datetime.datetime) -> dict[str, str]:
        email = f"{self.login}@localhost"
        date = f"{int(at.timestamp())} +0000"
        return {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", self.login), ("EMAIL", email), ("DATE", date))
        }

    def _git(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> str:
        done = self._run(*arguments, stdin=stdin, environment=environment)
        self._succeeded(arguments[0], done)
        return done.stdout.decode("utf-8", "replace").strip("\n")

    def _run(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> process.Completed:
        argv = ("git", "--git-dir", str(self.path), *arguments)
        return process.run(argv, timeout=TIMEOUT, stdin=stdin, environment=environment)

    def _succeeded(self, command: str, done: process.Completed) -> None:
        if done.code:
            raise ForgeRefusedError(f"git {command} failed in {self.path}", why=done.stderr.strip())
