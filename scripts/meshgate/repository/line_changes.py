"""What a long line of commits changed, from one answer of git however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshgate.repository.commit import Commit, LineStep
from meshgate.repository.history import FIELDS, FORMAT, PLAIN, moment
from meshgate.repository.repository import SUBMODULE, Repository
from meshgate.repository.trees import FOLDER, TreeEntry

NOTHING = "000000"
# Lines that are remembered of one repository.
MOST_LINES = 4


def steps_along(repository: Repository, head: str, *paths: str) -> Sequence[LineStep]:
    """The first-parent commits up to `head`, an id, that change one of the paths, newest first.

    Remembered: git is asked once.
    """
    key = (head, *paths)
    if key not in repository.lines:
        if len(repository.lines) >= MOST_LINES:
            del repository.lines[next(iter(repository.lines))]
        repository.lines[key] = _steps(repository, head, paths)
    return repository.lines[key]


def _steps(repository: Repository, head: str, paths: Iterable[str]) -> list[LineStep]:
    listed = repository.ask(
        *("log", "-z", *PLAIN, "--first-parent", "--diff-merges=first-parent", "--raw", "-t"),
        *("--no-abbrev", "--root", "--no-renames", f"--format=%x01{FORMAT}", head, "--", *paths),
        about=[head],
        what="git cannot list the commits",
    )
    fields = iter(listed.split("\0"))
    steps: list[LineStep] = []
    field = next(fields, "")
    while field.startswith("\x01"):
        parents, author, committer, seconds, message = (next(fields) for _ in range(FIELDS - 1))
        sha, when = field[1:], moment(seconds)
        there, gone = [], []
        # `:old mode, new mode, old id, new id, status`, then the path.
        while (field := next(fields, "")) and not field.startswith("\x01"):
            _, mode, _, object_id, _ = field.lstrip("\n").split(" ")
            path = next(fields)
            if mode == NOTHING:
                gone.append(path)
            else:
                there.append(TreeEntry(path, mode, object_id))
        commit = Commit(sha, tuple(parents.split()), author, committer, when, message)
        steps.append(LineStep(commit, tuple(there), tuple(gone)))
    return steps


def bringing(steps: Iterable[LineStep], folder: str) -> dict[str, Commit]:
    """The newest of the steps that gave each file below a folder what it holds, by path.

    A path that was there before with another content, or was removed and came again, counts from
    when what is in force came. What is gone is among them, too.
    """
    below = f"{folder.rstrip('/')}/"
    found: dict[str, Commit] = {}
    for step in steps:
        for path, mode, _ in step.there:
            if path.startswith(below) and mode != FOLDER:
                found.setdefault(path, step.commit)
    return found


def objects_along(steps: Sequence[LineStep], *paths: str) -> dict[tuple[str, str], str | None]:
    """What is at each of these paths after each step, by commit and path; None: nothing.

    The steps are all that change the paths. Left out are submodules, of which git may have nothing.
    """
    known: dict[tuple[str, str], str | None] = {}
    now: dict[str, str | None] = dict.fromkeys(paths)
    for step in reversed(steps):
        # A file may be where a folder was.
        for path in step.gone:
            if path in paths:
                now[path] = None
        for path, mode, object_id in step.there:
            if path not in paths:
                continue
            if mode == SUBMODULE:
                now.pop(path, None)
            else:
                now[path] = object_id
        for path, there in now.items():
            known[step.commit.sha, path] = there
    return known


def files_ever(steps: Iterable[LineStep], *paths: str) -> set[TreeEntry]:
    """Every file, link or submodule at or below the paths that a step brought.

    Of what was changed all its contents.
    """
    folders = tuple(f"{path}/" for path in paths)
    return {
        entry
        for step in steps
        for entry in step.there
        if entry.mode != FOLDER and (entry.path in paths or entry.path.startswith(folders))
    }


def files_along(
    steps: Sequence[LineStep], *paths: str
) -> Iterator[tuple[str, Mapping[str, TreeEntry]]]:
    """The commits of the steps, oldest first, each with all that is at or below the paths there.

    By path: one mapping, which goes on changing.
    """
    folders = tuple(f"{path}/" for path in paths)
    files: dict[str, TreeEntry] = {}
    for step in reversed(steps):
        for path in step.gone:
            files.pop(path, None)
        for entry in step.there:
            if entry.mode != FOLDER and (entry.path in paths or entry.path.startswith(folders)):
                files[entry.path] = entry
        yield step.commit.sha, files
