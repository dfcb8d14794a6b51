"""Whether what promotion wrote is what is there: digests, chain, foreign files, a new render.

Deep: every record ever, and whether each is still what was merged and follows from its source.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import (
    BuildError,
    IntegrityError,
    MeshgateError,
    RepositoryError,
    ToolError,
)
from meshgate.promotion.environment_state import EnvironmentState, Event
from meshgate.promotion.files import (
    OWNED,
    File,
    below,
    ledger_folder,
    rendered_folder,
    sha256,
    state_path,
)
from meshgate.promotion.ledger import RECORD_NAME, EnvironmentFiles, Recorded, read_files
from meshgate.promotion.recomputed_history import Recomputation, RecordAtMerge
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.release import Releases
from meshgate.promotion.rendering import render, rendered_of
from meshgate.promotion.status import SKEW
from meshgate.promotion.times import format_utc
from meshgate.promotion.unrecorded import unrecorded
from meshgate.repository import REGULAR, Repository, additions, mainline

# How much of a differing line is shown.
SHOWN = 60


class AuditFault(NamedTuple):
    """One file that is not as it was written; `environment` is None where none owns it.

    proven  False: it could not be recomputed, and so is neither right nor wrong
    """

    environment: str | None
    file: str
    what: str
    why: str = ""
    proven: bool = True


class AuditedEnvironment(NamedTuple):
    """One environment: its state where there is one, how many records, how many were rendered.

    unproven  what could not be recomputed of its records, which is neither right nor wrong
    """

    environment: str
    state: EnvironmentState | None
    records: int
    rendered: int
    unproven: tuple[AuditFault, ...] = ()


class Audit(NamedTuple):
    """What an audit found; `deep`: every record ever was rendered again."""

    deep: bool
    environments: tuple[AuditedEnvironment, ...]
    faults: tuple[AuditFault, ...]


class Renders:
    """What commits render to, each made once; `cache` is the folder of kept results."""

    def __init__(self, repository: Repository, cache: Path | None) -> None:
        self.repository = repository
        self.cache = cache
        self._made: dict[tuple[str, str, str], dict[str, bytes]] = {}

    def of(self, record: PromotionRecord) -> dict[str, bytes]:
        """The files that a record's source renders to.

        Raises IntegrityError where that commit is gone, and as `render` does.
        """
        commit, overlay = record.source.commit, record.rendered.overlay
        key = (commit, record.environment, overlay)
        if key not in self._made:
            if self.repository.find(commit) is None:
                raise IntegrityError(
                    f"its source, the commit {commit}, is gone",
                    file=record.path,
                    why="What is synced can no longer be made from what was reviewed.",
                    hint=f"fetch the tag release/{record.release}, which keeps it",
                )
            self._made[key] = render(
                self.repository, commit, record.environment, overlay, cache=self.cache
            )
        return self._made[key]


class Auditor:
    """Audits environments of one repository, each commit rendered once for each.

    What was found stays found, whatever fails after it: `failures` are the environments that could
    not be audited to the end. A record that says a time after `now` is a fault. Raises
    RepositoryError for a deep audit of a shallow clone.
    """

    def __init__(
        self, repository: Repository, cache: Path | None, *, deep: bool, now: datetime.datetime
    ) -> None:
        if deep:
            need_history(repository)
        self.renders = Renders(repository, cache)
        self.releases = Releases(repository, "HEAD", cache=cache)
        self.deep = deep
        self.now = now
        self.audited: list[AuditedEnvironment] = []
        self.faults: list[AuditFault] = []
        self.failures: dict[str, MeshgateError] = {}

    def audit(self, files: Mapping[str, bytes], environment: str) -> None:
        """Find all that is wrong with one environment."""
        own = read_files(environment, files)
        changing = sum(recorded.record.event.changes_render for recorded in own.ledger)
        rendered = changing if self.deep else int(bool(own.ledger))
        state = own.state if not own.state_faults else None
        unproven: list[AuditFault] = []
        try:
            for fault in self._faults(own):
                (self.faults if fault.proven else unproven).append(fault)
        except MeshgateError as error:
            self.failures[environment] = error
        self.audited.append(
            AuditedEnvironment(environment, state, len(own.ledger), rendered, tuple(unproven))
        )

    def result(self) -> Audit:
        """What was found so far."""
        return Audit(self.deep, tuple(self.audited), tuple(dict.fromkeys(self.faults)))

    def _faults(self, files: EnvironmentFiles) -> Iterator[AuditFault]:
        is_whole = True
        for fault in faults(files, self.renders):
            is_whole = False
            yield fault
        yield from _ahead(files, self.now)
        if files.state is None and is_whole:
            yield from lost(files.environment, self.releases)
        if self.deep:
            recomputation = Recomputation(
                self.renders.repository, self.releases.main, self.renders.cache
            )
            yield from deep_faults(
                files.environment, files.ledger, self.renders, self.releases, recomputation
            )


def foreign(files: Mapping[str, File], pinned: Collection[str]) -> Iterator[AuditFault]:
    """Files in promotion's folders that no pinned environment owns, or that git keeps otherwise."""
    states = {state_path(name) for name in pinned}
    folders = {rendered_folder(name) for name in pinned}
    ledgers = {ledger_folder(name) for name in pinned}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        if not (
            path in states
            or any(path.startswith(rendered) for rendered in folders)
            or (f"{folder}/" in ledgers and RECORD_NAME.fullmatch(name))
        ):
            why = f"Only promotion writes to {', '.join(OWNED)}, for pinned environments."
            yield AuditFault(None, path, "is not a file that promotion wrote", why)
        if file.mode != REGULAR:
            why = f"Git keeps it as {file.mode}, and promotion writes {REGULAR}."
            yield AuditFault(None, path, "is no regular file", why)


def rendered_faults(
    files: Mapping[str, bytes], record: PromotionRecord, renders: Renders
) -> Iterator[AuditFault]:
    """Where `rendered/<environment>` is not what a record's source renders to."""
    environment = record.environment
    folder = rendered_folder(environment)
    own = below(files, folder)
    same = rendered_of(environment, own, record.rendered.overlay) == record.rendered
    try:
        wanted = renders.of(record)
    except IntegrityError as error:
        # A rollback replays bytes, and needs no source.
        if record.event is not Event.ROLLBACK:
            yield _fault_of(environment, error)
        if not same:
            yield AuditFault(environment, folder, f"is not what {record.path} wrote")
        return
    except ToolError:
        raise
    except MeshgateError as error:
        # What a record names must render, whether the record was changed or its source.
        yield AuditFault(
            environment, record.path, "tells a source that does not render", str(error)
        )
        return
    differing = [path for path in sorted(own.keys() | wanted) if own.get(path) != wanted.get(path)]
    for path in differing:
        yield AuditFault(environment, path, *_difference(own.get(path), wanted.get(path), record))
    if not same and not differing:
        yield AuditFault(
            environment, record.path, "tells another digest than that of what it rendered"
        )


def _difference(
    actual: bytes | None, wanted: bytes | None, record: PromotionRecord
) -> tuple[str, str]:
    commit = record.source.commit[:10]
    if actual is None:
        return "is missing", f"{commit} renders it."
    if wanted is None:
        return "is not a file that promotion wrote", f"{commit} does not render it."
    pairs = zip(actual.split(b"\n"), [*wanted.split(b"\n"), b"", b""], strict=False)
    for number, (here, there) in enumerate(pairs, 1):
        if here != there:
            line = f"line {number} is {_shown(here)}, and {commit} renders {_shown(there)}"
            return "was changed", f"{line}."
    return "was changed", f"It ends before what {commit} renders."


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace").strip()
    return f"`{text if len(text) <= SHOWN else text[:SHOWN] + '…'}`"


def faults(files: EnvironmentFiles, renders: Renders) -> Iterator[AuditFault]:
    """All that is wrong with one environment's files as they stand.

    Raises ToolError where its newest release cannot be rendered here.
    """
    environment = files.environment
    for error in (*files.record_faults, *files.state_faults):
        yield _fault_of(environment, error)
    if files.ledger:
        yield from rendered_faults(files.files, files.ledger[-1].record, renders)
    elif files.state is None and files.rendered and not (files.record_faults or files.state_faults):
        yield AuditFault(environment, state_path(environment), "is missing")


def need_history(repository: Repository) -> None:
    """Raise RepositoryError in a shallow clone."""
    if repository.shallow:
        raise RepositoryError(
            "this clone is shallow, and the commits of old records are not in it",
            hint="git fetch --unshallow",
        )


def deep_faults(
    environment: str,
    records: Sequence[Recorded],
    renders: Renders,
    releases: Releases,
    recomputation: Recomputation,
) -> Iterator[AuditFault]:
    """What is wrong with the records of an environment, up to the main line of `releases`.

    Each must be what a commit added, and say what promotion says of that commit; each that changed
    what is rendered must have changed it to what its source renders to. Raises ToolError where one
    cannot be rendered here.
    """
    repository = renders.repository
    added = additions(repository, releases.main, ledger_folder(environment))
    merges = {
        commit.sha: commit
        for commit in mainline(repository, releases.main, ledger_folder(environment))
    }
    again = {
        added[each.record.path]
        for each in records[1:]
        if each.record.event is Event.ADOPT and each.record.path in added
    }
    for found in unrecorded(repository, releases.main, environment, set(added.values()), again):
        what = f"was changed by {found.sha[:10]}, or its state or records were, with no new record"
        why = "Clusters had what it brought, also where a later commit took it back."
        yield AuditFault(environment, rendered_folder(environment), what, why)
    before: Recorded | None = None
    replayable: set[tuple[str, str]] = set()
    for recorded in records:
        record = recorded.record
        commit = added.get(record.path)
        if commit is None:
            yield AuditFault(environment, record.path, "is in no commit of the main line")
        else:
            content = repository.read(commit, record.path) or b""
            if sha256(content) != recorded.sha256:
                yield AuditFault(environment, record.path, f"is not what {commit[:10]} added")
            yield from _tree_faults(record, commit, renders)
            yield from _time_faults(record, before, merges[commit].committed_at)
            merged = RecordAtMerge(recorded, before, merges[commit])
            for deviation in recomputation.deviations(merged):
                yield AuditFault(environment, record.path, *deviation)
        before = recorded
        if record.event.changes_render:
            try:
                _check_source(record, renders, releases)
            except IntegrityError as error:
                if (record.event, record.rendered.sha256) not in replayable:
                    yield _fault_of(environment, error)
            replayable.add((Event.ROLLBACK, record.rendered.sha256))


def lost(environment: str, releases: Releases) -> Iterator[AuditFault]:
    """A fault where the main line had a state of this environment once, for one that has none."""
    path = state_path(environment)
    if mainline(releases.repository, releases.main, path):
        yield AuditFault(environment, path, "is missing", "A commit of the main line had it.")


def _fault_of(environment: str, error: IntegrityError) -> AuditFault:
    """The fault that an error tells."""
    return AuditFault(environment, error.file, error.fault, error.why)


def _tree_faults(record: PromotionRecord, commit: str, renders: Renders) -> Iterator[AuditFault]:
    folder = rendered_folder(record.environment)
    tree = renders.repository.object_id(commit, folder.rstrip("/"))
    if record.event.changes_render and tree != record.rendered.tree:
        yield AuditFault(
            record.environment,
            record.path,
            f"was merged by {commit[:10]} with another {folder}",
            f"It tells {record.rendered.tree}, and there it is {tree}.",
        )


def _time_faults(
    record: PromotionRecord, before: Recorded | None, merged_at: datetime.datetime
) -> Iterator[AuditFault]:
    """When a record was made is for its writer to say: after the last, and before its merge."""
    made, last = record.created_at, before.record.created_at if before is not None else None
    if made is None:
        yield AuditFault(record.environment, record.path, "does not say when it was made")
        return
    if last is not None and made < last:
        yield AuditFault(
            record.environment, record.path, f"was made {format_utc(made)}, before the last one"
        )
    if made > merged_at + SKEW:
        yield AuditFault(
            record.environment,
            record.path,
            f"was made {format_utc(made)}, after it was merged",
            f"Its commit is of {format_utc(merged_at)}.",
        )


def _ahead(files: EnvironmentFiles, now: datetime.datetime) -> Iterator[AuditFault]:
    """The records of a time that has not come: nothing follows them until it has."""
    for recorded in files.ledger:
        made = recorded.record.created_at
        if made is not None and made > now + SKEW:
            yield AuditFault(
                files.environment,
                recorded.record.path,
                f"says that it was made {format_utc(made)}, which is ahead",
                "A clock was wrong: this machine's, or that of whoever made it.",
            )


def _check_source(record: PromotionRecord, renders: Renders, releases: Releases) -> None:
    """Raise IntegrityError unless the record's source gives its release and what it rendered."""
    try:
        files = renders.of(record)
        source = releases.source(record.source.commit)
    except (BuildError, RepositoryError) as error:
        raise IntegrityError(
            "tells a source that does not render", file=record.path, why=str(error)
        ) from error
    if source != record.source or releases.id(source) != record.release:
        raise IntegrityError(
            f"its source {record.source.commit[:10]} is the release {releases.id(source)}",
            file=record.path,
        )
    if rendered_of(record.environment, files, record.rendered.overlay) != record.rendered:
        raise IntegrityError(
            f"its source {record.source.commit[:10]} renders something else", file=record.path
        )
