"""Commits: the main line, what lies between two commits, and who wrote it."""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from meshgate.errors import RepositoryError
from meshgate.repository.commit import Commit
from meshgate.repository.repository import Repository

# Fields and commits end with NUL, which no message can hold.
FORMAT = "%H%x00%P%x00%an <%ae>%x00%cn <%ce>%x00%ct%x00%B"
FIELDS = 6

# Merges whose commits are asked for one by one.
FEW_MERGES = 5
# The last moment that can be written and counted on from; a commit may say a later one.
END_OF_TIME = datetime.datetime(9000, 1, 1, tzinfo=datetime.UTC)


def mainline(repository: Repository, head: str, *paths: str) -> list[Commit]:
    """The first-parent commits up to `head` that change one of the paths, newest first."""
    return list(_log(repository, [head], "--first-parent", head, "--", *paths))


def commit_of(repository: Repository, commit: str) -> Commit:
    """One commit, by its id. Raises RepositoryError where there is none."""
    return next(_log(repository, [commit], "--no-walk", commit, "--"))


def commits_between(repository: Repository, old: str | None, new: str, *paths: str) -> list[Commit]:
    """The first-parent commits of `new` that `old` has not and that change a path, newest first.

    A merge stands for all it brought in: its authors are the author and co-authors.
    """
    ends = [new] if old is None else [old, new]
    line = list(_log(repository, ends, "--first-parent", "..".join(ends), "--", *paths))
    return with_authors(repository, line, *ends)


def with_authors(repository: Repository, line: Sequence[Commit], *ends: str) -> list[Commit]:
    """Commits of a first-parent line between two ends, or up to one, as `commits_between`."""
    merges = [commit for commit in line if len(commit.parents) > 1]
    brought = _brought(repository, list(ends)) if len(merges) > FEW_MERGES else None
    for_each = (
        (merge, brought[merge.sha] if brought is not None else _brought_by(repository, merge))
        for merge in merges
    )
    whole = {merge.sha: _with_authors(merge, commits) for merge, commits in for_each}
    return [whole.get(commit.sha, commit) for commit in line]


def ids_between(repository: Repository, old: str, new: str) -> list[str]:
    """The ids of the first-parent commits of `new` that `old` has not, newest first."""
    return repository.ask(
        *("rev-list", "--first-parent", f"{old}..{new}", "--"),
        about=(old, new),
        what="git cannot list the commits",
    ).split()


def newest_change(repository: Repository, head: str, path: str) -> Commit | None:
    """The newest first-parent commit up to `head` that changes a path; None where none does."""
    return next(_log(repository, [head], "-1", "--first-parent", head, "--", path), None)


def additions(repository: Repository, head: str, folder: str) -> dict[str, str]:
    """The first-parent commit up to `head` that first added each file below a folder, by path."""
    listed = repository.ask(
        *("log", *PLAIN, "--first-parent", "--diff-merges=first-parent", "--diff-filter=A"),
        *("--no-renames", "--name-only", "--format=%x01%H", head, "--", folder),
        about=[head],
        what="git cannot list the commits",
    )
    commits: dict[str, str] = {}
    for piece in filter(None, listed.split("\x01")):
        commit, _, names = piece.partition("\n")
        for name in filter(None, names.splitlines()):
            commits[name] = commit
    return commits


def merge_base(repository: Repository, one: str, other: str) -> str | None:
    """The newest commit that both have; None where there is none."""
    return next(iter(merge_bases(repository, one, other)), None)


def merge_bases(repository: Repository, one: str, other: str) -> list[str]:
    """Every best common ancestor: several where two branches were merged into each other.

    The first is the one that git gives where it is asked for one.
    """
    try:
        return repository.ask("merge-base", "--all", one, other, about=(one, other)).split()
    except RepositoryError as error:
        if error.why:
            raise
        return []


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether `new` holds `old`, or is it."""
    return merge_base(repository, old, new) == old


def _brought_by(repository: Repository, merge: Commit) -> list[Commit]:
    """The commits that a merge brought in, without other merges, newest first."""
    ends = [merge.parents[0], merge.sha]
    return list(_log(repository, ends, "--no-merges", "..".join(ends), "--"))


def _brought(repository: Repository, ends: list[str]) -> dict[str, list[Commit]] | None:
    """As `_brought_by`, of every first-parent commit between two ends, from one answer of git.

    None where the older end is not on that line: it may then have what a merge brought.
    """
    commits = {commit.sha: commit for commit in _log(repository, ends, "..".join(ends), "--")}
    line, end = [], repository.resolve(ends[-1])
    while end in commits:
        line.append(commits[end])
        end = next(iter(commits[end].parents), "")
    if end != (repository.resolve(ends[0]) if len(ends) > 1 else ""):
        return None
    seen: set[str] = set()
    return {commit.sha: list(_unseen(commit, commits, seen)) for commit in reversed(line)}


def _unseen(head: Commit, commits: Mapping[str, Commit], seen: set[str]) -> Iterator[Commit]:
    """What can be reached from a commit and was not seen yet, but for merges, as git orders it.

    By the committer's time, the newest first; of several at one time first what was found first.
    """
    found = itertools.count()
    waiting = [(-head.committed_at.timestamp(), next(found), head)]
    known = {head.sha}
    while waiting:
        _, _, commit = heapq.heappop(waiting)
        if len(commit.parents) <= 1:
            yield commit
        for sha in commit.parents:
            if sha in commits and sha not in seen and sha not in known:
                known.add(sha)
                parent = commits[sha]
                entry = (-parent.committed_at.timestamp(), next(found), parent)
                heapq.heappush(waiting, entry)
    seen |= known


def _with_authors(merge: Commit, brought: Iterable[Commit]) -> Commit:
    """A merge as its authors made it: the first is its author, the others its co-authors."""
    names = dict.fromkeys(
        name for merged in brought for name in (merged.author, *merged.co_authors)
    )
    if not names:
        return merge
    first, *others = names
    trailers = "".join(f"\nCo-authored-by: {name}" for name in others)
    return structs.replace(merge, author=first, message=f"{merge.message.rstrip()}\n{trailers}\n")


def people(repository: Repository, commit: Commit) -> frozenset[str]:
    """Who wrote or merged what a commit brought: names, addresses and the names within them."""
    brought = [commit]
    if commit.parents:
        ends = [commit.parents[0], commit.sha]
        brought = list(_log(repository, ends, "..".join(ends), "--"))
    named = {
        person for each in brought for person in (each.author, each.committer, *each.co_authors)
    }
    return frozenset(filter(None, (name for person in named for name in _names(person))))


def _names(person: str) -> Iterator[str]:
    """Of `Name <12+login@users.noreply.example>`: the name, the address, and the login."""
    name, _, address = person.rstrip(">").rpartition("<")
    yield name.strip()
    yield address
    local = address.partition("@")[0]
    yield local
    yield local.rpartition("+")[2]


# Whatever somebody's settings make of a log.
PLAIN = ("--encoding=UTF-8", "--no-show-signature", "--no-follow", "--no-mailmap")


def _log(repository: Repository, about: Iterable[str], *arguments: str) -> Iterator[Commit]:
    text = repository.ask(
        *("log", "-z", *PLAIN, f"--format={FORMAT}", *arguments),
        about=about,
        what="git cannot list the commits",
    )
    fields = iter(text.split("\0"))
    for sha, parents, author, committer, seconds, message in zip(*[fields] * FIELDS, strict=False):
        yield Commit(sha, tuple(parents.split()), author, committer, moment(seconds), message)


def moment(seconds: str) -> datetime.datetime:
    """A time as git tells it, by seconds; what no calendar has is the end of time."""
    try:
        return min(datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC), END_OF_TIME)
    except (ValueError, OverflowError, OSError):
        return END_OF_TIME
