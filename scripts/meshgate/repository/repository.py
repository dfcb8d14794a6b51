"""A git repository that is read by commit, never through the working tree."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from meshgate.errors import RepositoryError
from meshgate.repository import trees
from meshgate.repository.cat_file import LargeObjectError, NoObjectError, ObjectReader
from meshgate.repository.commit import LineStep
from meshgate.repository.opening import no_git, open_above, without_variables
from meshgate.repository.trees import TreeEntry

if TYPE_CHECKING:
    import git


REGULAR, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"

MEBIBYTE = 2**20
# No manifest or patch that people write comes near it.
LARGEST_FILE = 20 * MEBIBYTE

# Over the network; everything else is local and fast.
NETWORK_TIMEOUT = 300.0

# Answers about commits that are remembered of one repository, and the characters of the largest.
MOST_ANSWERS = 256
LARGEST_ANSWER = MEBIBYTE
# Folders that are remembered; each is a few entries. So many names of objects are, too.
MOST_TREES = 10_000
# Files that are remembered, in bytes: all of them, and the largest of one.
MOST_CONTENT = 16 * MEBIBYTE
LARGEST_CONTENT = MEBIBYTE // 4
# A folder may be in a commit many times over: a few kilobytes of objects can list files for ever.
MOST_ENTRIES = 1_000_000

COMMIT_ID = re.compile(r"[0-9a-fA-F]{40}")
# What begins with an id names the same object for ever: `ID:path`, `ID^{tree}`, `ID~2`.
NAMED_BY_ID = re.compile(r"[0-9a-fA-F]{40}[:^~]")
SHORT_ID = re.compile(r"[0-9a-fA-F]{4,39}")
# What git itself keeps beside refs/; a fetch brings none of them.
OWN_NAMES = frozenset(
    {"", "@", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD"}
)
# What may follow a name: `~2`, `^`, `@{upstream}` (gitrevisions(7)).
STEPS = re.compile(r"[~^]|@\{")
# What no reference has in its name (git-check-ref-format(1)), and what would be a pattern.
NO_NAME = re.compile(r"[\s~^:?*\[\\]|\.\.|@\{")


class Repository:
    """The repository whose top is `root`; a context manager. Ids are 40 hex digits.

    Raises RepositoryError when there is none.
    """

    def __init__(self, root: Path) -> None:
        with without_variables():
            self._repo = open_above(root)
        top = Path(os.path.realpath(self._repo.working_dir))
        if not self._repo.bare and top != Path(os.path.realpath(root)):
            self._repo.close()
            raise RepositoryError(
                f"{root} is a folder within the git repository {top}",
                why="Promotion reads and writes commits, whose paths start at its top.",
                hint=f"name the top: -C {top}",
            )
        folder, common = self._repo.git_dir, self._repo.common_dir
        self._repo.git.update_environment(
            GIT_DIR=os.path.realpath(folder),
            GIT_COMMON_DIR=os.path.realpath(common),
            GIT_OBJECT_DIRECTORY=os.path.realpath(Path(common) / "objects"),
            GIT_ALTERNATE_OBJECT_DIRECTORIES="",
            GIT_INDEX_FILE=os.path.realpath(Path(folder) / "index"),
            GIT_NAMESPACE="",
            # Objects are what their ids say, and paths are what they are.
            GIT_NO_REPLACE_OBJECTS="1",
            GIT_LITERAL_PATHSPECS="1",
            GIT_OPTIONAL_LOCKS="0",
            GIT_TERMINAL_PROMPT="0",
        )
        self.root = Path(root)
        self._objects = ObjectReader(self._repo.git, self.root)
        self._answers: dict[tuple[str, ...], str] = {}
        self._object_ids: dict[tuple[str, str], str | None] = {}
        self._named: dict[str, str] = {}
        # What `steps_along` found, by head and paths.
        self.lines: dict[tuple[str, ...], Sequence[LineStep]] = {}
        self._trees: dict[str, trees.Entries] = {}
        self._contents: dict[str, bytes] = {}
        self._room = MOST_CONTENT
        if self.config("extensions.objectformat") not in {"", "sha1"}:
            self.close()
            raise RepositoryError(
                f"{root} names its objects by SHA-256",
                why="The ids in promotion/ are those of a repository that uses SHA-1.",
                hint="clone it into a repository made with `git init --object-format=sha1`",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that answer for the repository."""
        self._objects.close()
        self._repo.close()

    @property
    def bare(self) -> bool:
        """Whether there is no working tree."""
        return self._repo.bare

    @property
    def shallow(self) -> bool:
        """Whether old commits are missing."""
        return (Path(self._repo.common_dir) / "shallow").exists()

    def run(
        self,
        *arguments: str,
        what: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> str:
        """What `git ARGUMENTS` prints, without the last newline. `what` starts the error.

        Raises RepositoryError with git's own words.
        """
        import git  # noqa: PLC0415 - see above

        with tempfile.TemporaryFile() if stdin else contextlib.nullcontext() as stream:
            if stream is not None:
                stream.write(stdin)
                stream.seek(0)
            try:
                return self._repo.git.execute(
                    ["git", *arguments],
                    istream=stream,
                    env=environment,
                    kill_after_timeout=timeout if os.name != "nt" else None,
                )
            except git.GitCommandError as error:
                raise RepositoryError(
                    what or f"git {arguments[0]} failed", why=_words(error)
                ) from error
            except git.GitCommandNotFound as error:
                raise no_git() from error

    @contextlib.contextmanager
    def answers(self, *arguments: str, stdin: bytes) -> Iterator[IO[bytes]]:
        """What `git ARGUMENTS` prints, while it prints it; less where git ends too early."""
        import git  # noqa: PLC0415 - see above

        with tempfile.TemporaryFile() as stream:
            stream.write(stdin)
            stream.seek(0)
            asked = self._repo.git.execute(["git", *arguments], istream=stream, as_process=True)
            try:
                yield asked.stdout
                with contextlib.suppress(git.GitCommandError):
                    asked.wait()
            finally:
                asked.stdout.close()

    def ask(self, *arguments: str, about: Iterable[str], what: str = "") -> str:
        """As `run`, for a question `about` commits: git is started once where ids name them all.

        What an id names never changes, so neither does the answer. Raises RepositoryError.
        """
        answer = self._answers.get(arguments)
        if answer is None:
            answer = self.run(*arguments, what=what)
            if len(answer) <= LARGEST_ANSWER and all(map(COMMIT_ID.fullmatch, about)):
                if len(self._answers) >= MOST_ANSWERS:
                    del self._answers[next(iter(self._answers))]
                self._answers[arguments] = answer
        return answer

    def forget(self) -> None:
        """Ask everything again: history that was missing in a shallow clone may have come."""
        self._answers.clear()
        self.lines.clear()
        self._object_ids.clear()
        self._named.clear()

    @functools.cached_property
    def settings(self) -> Mapping[str, str]:
        """The settings of git as they were when the first was asked for, by their names.

        Of those that are given several times the last, as `git config --get` has it.
        """
        pairs = (each.partition("\n") for each in self.run("config", "--list", "-z").split("\0"))
        return {name: value for name, _, value in pairs}

    def config(self, name: str) -> str:
        """The value of a git setting, its name in lower case; empty where there is none."""
        return self.settings.get(name, "")

    def remotes(self) -> frozenset[str]:
        """The names of the remotes, as the settings have them. Raises RepositoryError."""
        names = (name.removeprefix("remote.") for name in self.settings if "remote." in name[:7])
        # `remote.pushdefault` is a setting of all.
        return frozenset(name.rpartition(".")[0] for name in names if "." in name)

    def find(self, reference: str) -> str | None:
        """The id of the commit a reference names, or None.

        A name means one thing: `REMOTE/x` is the branch `refs/remotes/REMOTE/x` as it was fetched,
        never a tag or a branch of this clone that is called the same, and `refs/...` is exactly
        that. Raises RepositoryError for a name that is both a branch and a tag, or both a name and
        the beginning of an id: git would pick one of them, and whoever may push a tag could choose.
        """
        if not reference or reference.startswith("-") or any(map(str.isspace, reference)):
            return None
        step = STEPS.search(reference)
        name, steps = (
            (reference[: step.start()], reference[step.start() :]) if step else (reference, "")
        )
        full = self._full_name(name)
        if full is None:
            return None
        with contextlib.suppress(NoObjectError):
            return self._id(f"{full}{steps}^{{commit}}")
        return None

    def _full_name(self, name: str) -> str | None:
        """The one reference or id that a name means; None where there is none."""
        if name in OWN_NAMES or COMMIT_ID.fullmatch(name):
            return name
        if NO_NAME.search(name):
            return None
        meanings = self._references(name)
        if SHORT_ID.fullmatch(name):
            meanings += self._commits_like(name)
        if len(meanings) > 1:
            raise RepositoryError(
                f"{name!r} has {len(meanings)} meanings: {' and '.join(meanings)}",
                why="Which of them is meant would be for whoever may push a tag to choose.",
                hint="give the full name, or the commit's id",
            )
        return meanings[0] if meanings else None

    def _references(self, name: str) -> list[str]:
        """The references of this repository that a name may mean, by their full names."""
        if name.startswith("refs/"):
            candidates = [name]
        elif name.partition("/")[0] in self.remotes():
            candidates = [f"refs/remotes/{name}", f"refs/remotes/{name}/HEAD"]
        else:
            candidates = [
                *(f"refs/{kind}{name}" for kind in ("", "tags/", "heads/", "remotes/")),
                f"refs/remotes/{name}/HEAD",
            ]
        # git asks for `refs/heads/x` as for any other name, so that a tag `refs/heads/x` would do.
        listed = self.run("for-each-ref", "--format=%(refname)", *candidates).splitlines()
        return [candidate for candidate in candidates if candidate in listed]

    def _commits_like(self, start: str) -> list[str]:
        """The ids that begin like this, of commits and of tags on one."""
        commits = []
        for object_id in self.run("rev-parse", f"--disambiguate={start}").split():
            with contextlib.suppress(NoObjectError):
                self._id(f"{object_id}^{{commit}}")
                commits.append(object_id)
        return commits

    def resolve(self, reference: str) -> str:
        """The id of the commit a reference names, as `find`. Raises RepositoryError."""
        sha = self.find(reference)
        if sha is None:
            raise RepositoryError(
                f"git knows no commit {reference!r}",
                hint="fetch it first; a shallow clone needs `git fetch --unshallow`",
            )
        return sha

    def object_id(self, commit: str, path: str) -> str | None:
        """The id of the folder (tree) or file (blob) at a path of a commit; None for neither."""
        if (commit, path) in self._object_ids:
            return self._object_ids[commit, path]
        try:
            return self._id(f"{commit}:{path}")
        except NoObjectError:
            return None

    def learn(self, objects: Mapping[tuple[str, str], str | None]) -> None:
        """Take over what is at paths of commits, by both: `object_id` then asks no more for it.

        The commits are ids: what is at a path of one never changes.
        """
        self._object_ids.update(objects)

    def entries(self, commit: str, *paths: str) -> list[TreeEntry]:
        """The files at or below these paths of a commit, sorted; all of them without paths."""
        if not paths:
            return sorted(self._all_entries(commit))
        try:
            listed = trees.below(self._id(f"{commit}^{{tree}}"), paths, self._tree)
            entries = sorted(itertools.islice(listed, MOST_ENTRIES + 1))
        except (ValueError, NoObjectError) as error:
            raise RepositoryError(_unreadable(commit)) from error
        if len(entries) > MOST_ENTRIES:
            raise RepositoryError(f"{commit} has more than {MOST_ENTRIES:,} files at {paths[0]}")
        return entries

    def _all_entries(self, commit: str) -> Iterator[TreeEntry]:
        listed = self.ask(
            *("ls-tree", "-r", "-z", "--full-tree", commit),
            about=[commit],
            what=_unreadable(commit),
        )
        for line in filter(None, listed.split("\0")):
            head, _, path = line.partition("\t")
            mode, _, blob = head.split(" ")
            yield TreeEntry(path, mode, blob)

    def _tree(self, tree: str) -> trees.Entries:
        """What a folder holds; remembered, since neighbours in history share most folders."""
        entries = self._trees.get(tree)
        if entries is None:
            if len(self._trees) >= MOST_TREES:
                self._trees.clear()
            entries = self._trees[tree] = trees.entries_of(self._objects.content(tree))
        return entries

    def blob(self, blob: str) -> bytes:
        """The bytes of a blob; remembered, since most files are asked for by several readers.

        Raises RepositoryError where it is missing or above 20 MiB.
        """
        content = self._contents.get(blob)
        if content is None:
            content = self._content(blob)
            if len(content) <= LARGEST_CONTENT:
                self._room -= len(content)
                if self._room < 0:
                    self._contents.clear()
                    self._room = MOST_CONTENT - len(content)
                self._contents[blob] = content
        return content

    def _content(self, blob: str) -> bytes:
        try:
            return self._objects.content(blob, largest=LARGEST_FILE)
        except NoObjectError as error:
            raise RepositoryError(
                f"git has no blob {blob}", hint="the clone is not complete; clone it anew"
            ) from error
        except LargeObjectError as error:
            raise RepositoryError(
                f"the blob {blob} is larger than {LARGEST_FILE // MEBIBYTE} MiB"
            ) from error

    def read(self, commit: str, path: str) -> bytes | None:
        """The bytes of a file of a commit; None where there is none."""
        entries = self.entries(commit, path)
        is_file = len(entries) == 1 and entries[0].path == path
        return self.blob(entries[0].blob) if is_file else None

    def store(self, contents: Sequence[bytes]) -> list[str]:
        """Add blobs to the repository; their ids, in the same order."""
        with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
            files = [Path(os.path.realpath(folder), str(number)) for number in range(len(contents))]
            for file, content in zip(files, contents, strict=True):
                file.write_bytes(content)
            return self.run(
                *("hash-object", "-w", "--no-filters", "--stdin-paths"),
                stdin="".join(f"{file}\n" for file in files).encode("utf-8", "surrogateescape"),
            ).split()

    def _id(self, name: str) -> str:
        """The id of an object. Raises NoObjectError where there is none."""
        known = self._named.get(name)
        if known is not None:
            return known
        object_id = self._objects.id(name)
        if NAMED_BY_ID.match(name):
            if len(self._named) >= MOST_TREES:
                self._named.clear()
            self._named[name] = object_id
        return object_id


def refuse_shallow(repository: Repository) -> None:
    """Raise RepositoryError for a clone whose old commits are missing.

    What brought a file, how long it has been there, where a branch left another: the oldest commit
    that is there would be taken for the answer.
    """
    if repository.shallow:
        raise RepositoryError(
            f"{repository.root} is a shallow clone: its old commits are missing",
            why="When something came, and what came before it, is read from history.",
            hint="run `git fetch --unshallow`; in a job, set `fetch-depth: 0` of actions/checkout, "
            "or GIT_DEPTH to 0 at GitLab",
        )


def _words(error: git.GitCommandError) -> str:
    """What git itself said, without GitPython's frame around it."""
    text = str(error.stderr or error.stdout or "").strip()
    return text.removeprefix("stderr: ").strip("'").strip()


def _unreadable(commit: str) -> str:
    return f"git cannot read the commit {commit}"
