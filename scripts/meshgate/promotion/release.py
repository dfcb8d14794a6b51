"""Releases: what environments are built from and the toolchain, named by content.

A release keeps its name through squash, rebase and a new clone. Its source is the newest commit of
the main line that brought exactly these inputs; it does not change when main moves on.
"""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from meshgate.errors import RepositoryError, UsageError
from meshgate.promotion.environment_state import Release, Source
from meshgate.promotion.files import sha256, sum_of
from meshgate.promotion.main_line import changing, steps
from meshgate.promotion.policy import FILE
from meshgate.promotion.records import InputChange
from meshgate.promotion.release_inputs import INPUTS, ReleaseInputs
from meshgate.repository import (
    Commit,
    Repository,
    TreeEntry,
    blob_digests,
    commits_between,
    mainline,
    with_authors,
)
from meshgate.repository.commit import LineStep
from meshgate.repository.line_changes import files_along, files_ever
from meshgate.source.cache import Cache, digest

PREFIX = "r-"
DIGITS = 12
# In the place of a mode: what environments.yaml says of the render beside paths.
HOW = "how"
SHORT = 7
# Ids of releases that are asked for one by one; more are read along the line.
FEW = 20
# What git calls a commit's policies, overlays and toolchain.
Names = tuple[str, str, str]


class Releases:
    """The releases of a main line, computed once for each set of inputs.

    `main` is a commit, or a reference to one; `cache` the folder of kept results.
    """

    def __init__(self, repository: Repository, main: str, *, cache: Path | None = None) -> None:
        self.repository = repository
        self.main = repository.resolve(main)
        self._stored = Cache(cache, "releases")
        self.inputs = ReleaseInputs(repository, cache=cache)
        self._ids: dict[Names, str] = {}
        self._looked_up = False
        self._blobs: dict[str, str] = {}
        self._line: list[Commit] | None = None
        self._steps: list[LineStep] = []
        self._sources: dict[str, Source] = {}
        self._listed: list[Release] | None = None
        self._history: Sequence[tuple[Commit, str]] | None = None

    @property
    def line(self) -> list[Commit]:
        """The first-parent commits of main that change inputs, newest first."""
        if self._line is None:
            self._line = self._bringing(self.main)
        return self._line

    def _bringing(self, commit: str) -> list[Commit]:
        """The first-parent commits up to one that change what were inputs there, newest first.

        Where other folders become inputs, by environments.yaml alone, that is a change, too.
        """
        deciding = (FILE, *INPUTS)
        self._steps = [step for step in steps(self.repository, commit) if step.touches(deciding)]
        self.inputs.learn(self._steps)
        usual = [step.commit for step in self._steps if step.touches(INPUTS)]
        if all(self.inputs.at(step.commit.sha) == INPUTS for step in self._steps):
            return usual
        every = mainline(self.repository, commit)
        touching = {INPUTS: {each.sha for each in usual}}
        found: list[Commit] = []
        for index, each in enumerate(every):
            paths = self.inputs.at(each.sha)
            if paths not in touching:
                touching[paths] = {one.sha for one in mainline(self.repository, commit, *paths)}
            older = every[index + 1] if index + 1 < len(every) else None
            moved = older is not None and (
                self.inputs.at(older.sha) != paths
                or self.inputs.how(older.sha) != self.inputs.how(each.sha)
            )
            if moved or each.sha in touching[paths]:
                found.append(each)
        return found

    def at(self, commit: str) -> Release:
        """The release that a commit holds.

        Its source is the newest commit of main that brought it; for inputs that main never had, the
        commit itself. Raises RepositoryError for a commit without inputs.
        """
        source = self.source(commit)
        wanted = self.id(source)
        for earlier in self.line:
            if self._id_or_none(earlier.sha) == wanted:
                return self._release(earlier)
        alias = mainline(self.repository, commit)[0]
        day = alias.committed_at.date()
        return Release(wanted, f"{day}.{commit[:SHORT]}", source)

    def newest(self) -> Release:
        """The release at the end of main."""
        return self.at(self.main)

    def __iter__(self) -> Iterator[Release]:
        """The releases that main brought, newest first, each once."""
        if self._listed is not None:
            yield from self._listed
            return
        self._look_up()
        listed: list[Release] = []
        seen = set()
        for commit in self.line:
            release_id = self._id_or_none(commit.sha)
            if release_id is not None and release_id not in seen:
                seen.add(release_id)
                listed.append(self._release(commit))
                yield listed[-1]
        self._listed = listed

    def ids(self) -> list[str]:
        """The ids of the releases that main brought, newest first."""
        return [release.id for release in self]

    @functools.cached_property
    def places(self) -> Mapping[str, int]:
        """Where each commit of the line stands in it, from 0 for the newest."""
        return {commit.sha: place for place, commit in enumerate(self.line)}

    @functools.cached_property
    def _ordinals(self) -> Mapping[str, int]:
        """Of each commit of the line the number of changes of inputs on its day until then."""
        on_day: Counter[datetime.date] = Counter()
        ordinals = {}
        for commit in reversed(self.line):
            day = commit.committed_at.date()
            on_day[day] += 1
            ordinals[commit.sha] = on_day[day]
        return ordinals

    def history(self) -> Sequence[tuple[Commit, str]]:
        """The commits of main that changed inputs, newest first, each with its release's id."""
        if self._history is None:
            self._look_up()
            named = ((commit, self._id_or_none(commit.sha)) for commit in self.line)
            self._history = [(commit, found) for commit, found in named if found is not None]
        return self._history

    def find(self, text: str) -> Release:
        """The release of an id (`r-…`), alias (`2026-08-22.3`) or commit. Raises UsageError."""
        for release in self:
            if text in {release.id, release.alias}:
                return release
        if (commit := self.repository.find(text)) is not None:
            return self.at(commit)
        raise UsageError(
            f"there is no release {text!r}",
            why="Main never had such inputs, and git knows no commit of that name.",
            hint="`meshgate status` lists the releases; an id starts with r-",
        )

    def source(self, commit: str) -> Source:
        """A commit and the git ids of its inputs. Raises RepositoryError where one is missing."""
        if commit not in self._sources:
            self._sources[commit] = self._source(commit)
        return self._sources[commit]

    def _source(self, commit: str) -> Source:
        paths = self.inputs.at(commit)
        ids = [self.repository.object_id(commit, path) for path in paths]
        for path, object_id in zip(paths, ids, strict=True):
            if object_id is None:
                raise RepositoryError(
                    f"the commit {commit} has no {path}",
                    why="A release is what environments are built from, and the toolchain.",
                    hint="`meshgate init` shows what a repository starts with",
                )
        if paths == INPUTS:
            return Source(commit, *map(str, ids))
        # Of another layout: the whole commit's tree stands for the two folders.
        whole = str(self.repository.object_id(commit, ""))
        return Source(commit, whole, whole, str(ids[-1]))

    def id(self, source: Source) -> str:
        """The content id of what a source holds."""
        key = (source.policies_tree, source.overlays_tree, source.toolchain)
        if key not in self._ids:
            release_id = self._stored.get(digest(*key))
            if not isinstance(release_id, str):
                entries = self.repository.entries(source.commit, *self.inputs.at(source.commit))
                files = [(entry.path, entry.mode, self._sha256(entry)) for entry in entries]
                if how := self.inputs.how(source.commit):
                    files.append((FILE, HOW, sha256(how.encode())))
                release_id = content_id(iter(files))
                self._stored.put(digest(*key), release_id)
            self._ids[key] = release_id
        return self._ids[key]

    def _sha256(self, entry: TreeEntry) -> str:
        if entry.blob not in self._blobs:
            self._blobs[entry.blob] = sha256(self.repository.blob(entry.blob))
        return self._blobs[entry.blob]

    def _look_up(self) -> None:
        """Know the ids of the line at once: it may be long, and the first run knows none of them.

        What is kept of a line is one table, named by the commit that it began with.
        """
        if self._looked_up or not self.line:
            return
        self._looked_up = True
        table = digest("line", self.line[-1].sha)
        cached = self._stored.get(table)
        known = cached if isinstance(cached, dict) else {}
        for names, release_id in known.items():
            policies, overlays, toolchain = names.split(" ")
            self._ids.setdefault((policies, overlays, toolchain), str(release_id))
        wanted = {
            commit.sha: names
            for commit in self.line
            if self.inputs.at(commit.sha) == INPUTS and (names := self._names(commit.sha))
        }
        if sum(names not in self._ids for names in wanted.values()) > FEW:
            self._ids |= self._ids_along(wanted)
        found = {
            " ".join(names): self._ids[names] for names in wanted.values() if names in self._ids
        }
        if found.keys() - known.keys():
            self._stored.put(table, known | found)

    def _names(self, commit: str) -> Names | None:
        """What git calls the inputs of a commit; None where one is missing."""
        policies, overlays, toolchain = (self.repository.object_id(commit, path) for path in INPUTS)
        return (policies, overlays, toolchain) if policies and overlays and toolchain else None

    def _ids_along(self, wanted: Mapping[str, Names]) -> dict[Names, str]:
        """The ids of commits of the line, by their names of inputs, as `id` has them.

        Left out is what cannot be read, for `id` to say why.
        """
        blobs = {entry.blob for entry in files_ever(self._steps, *INPUTS)}
        self._blobs |= blob_digests(self.repository, sorted(blobs - self._blobs.keys()))
        ids: dict[Names, str] = {}
        for commit, entries in files_along(self._steps, *INPUTS):
            names = wanted.get(commit)
            if names is None or names in self._ids or names in ids:
                continue
            files = sorted(entries.values())
            if all(entry.blob in self._blobs for entry in files):
                listed = ((entry.path, entry.mode, self._blobs[entry.blob]) for entry in files)
                ids[names] = content_id(listed)
        return ids

    def _id_or_none(self, commit: str) -> str | None:
        """The id of a commit; None for one from before the repository was complete."""
        try:
            source = self.source(commit)
        except RepositoryError:
            return None
        return self.id(source)

    def _release(self, commit: Commit) -> Release:
        """A release of main; its alias counts the changes of inputs on its day."""
        source = self.source(commit.sha)
        day = commit.committed_at.date()
        return Release(self.id(source), f"{day}.{self._ordinals[commit.sha]}", source)


def content_id(files: Iterator[tuple[str, str, str]]) -> str:
    """`r-` and 12 hex digits of the SHA-256 over (path, mode, SHA-256 of bytes), sorted by path."""
    return PREFIX + sum_of((path, f"{mode} {content}") for path, mode, content in files)[:DIGITS]


def changes(
    repository: Repository, old: str | None, new: str, *, main: str = ""
) -> tuple[InputChange, ...]:
    """The commits to the inputs that `new` has and `old` has not, newest first.

    `main` is the end of a line that both may be on; then git is not asked for it again.
    """
    inputs = ReleaseInputs(repository)
    paths = dict.fromkeys((*inputs.at(old), *inputs.at(new)) if old else inputs.at(new))
    return tuple(
        InputChange(
            sha=commit.sha,
            subject=commit.subject,
            author=commit.author,
            co_authors=commit.co_authors,
            pull_request=commit.pull_request,
        )
        for commit in _between(repository, old, new, main, *paths)
    )


def _between(
    repository: Repository, old: str | None, new: str, main: str, *paths: str
) -> list[Commit]:
    """As `commits_between`."""
    if main and old is not None and paths == INPUTS:
        line = changing(repository, main, *paths)
        places = {commit.sha: place for place, commit in enumerate(line)}
        first, last = places.get(new), places.get(old)
        if first is not None and last is not None and first <= last:
            return with_authors(repository, line[first:last], old, new)
    return commits_between(repository, old, new, *paths)
