"""Whether what promotion wrote is what is there: digests, chain, foreign files, a new render."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from meshgate.errors import IntegrityError, MeshgateError, ToolError
from meshgate.promotion.files import (
    OWNED,
    File,
    below,
    ledger_folder,
    rendered_folder,
    state_path,
)
from meshgate.promotion.ledger import Recorded, check_chain, read_record
from meshgate.promotion.rendering import render, rendered_of
from meshgate.promotion.state import read_state, state_of
from meshgate.promotion.values import EnvironmentState, Event, PromotionRecord
from meshgate.repository import REGULAR, Repository

RECORD_NAME = re.compile(r"[0-9]{4,}-[a-z]+-r-[0-9a-f]{12}\.yaml")
# How much of a differing line is told.
SHOWN = 60


class Fault(NamedTuple):
    """One file that is not as it was written; `environment` is None where none owns it."""

    environment: str | None
    file: str
    what: str
    why: str = ""


class Audited(NamedTuple):
    """One environment: its state where there is one, how many records, how many were rendered."""

    environment: str
    state: EnvironmentState | None
    records: int
    rendered: int


class Audit(NamedTuple):
    """What an audit found; `deep`: every record ever was rendered again."""

    deep: bool
    environments: tuple[Audited, ...]
    faults: tuple[Fault, ...]


class Kept(NamedTuple):
    """What of an environment's files parses, and what is wrong with the rest."""

    state: EnvironmentState | None
    records: list[Recorded]
    faults: list[Fault]

    @property
    def last(self) -> Recorded | None:
        """The newest record."""
        return self.records[-1] if self.records else None


class Renders:
    """What commits render to, each made once; `cache` is the folder of kept results."""

    def __init__(self, repository: Repository, cache: Path | None) -> None:
        self.repository = repository
        self._cache = cache
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
                self.repository, commit, record.environment, overlay, cache=self._cache
            )
        return self._made[key]


def owned_by(environment: str, path: str) -> bool:
    """Whether a path is one of an environment's, whatever lies there."""
    folders = (rendered_folder(environment), ledger_folder(environment))
    return path == state_path(environment) or path.startswith(folders)


def foreign(files: Mapping[str, File], pinned: Collection[str]) -> Iterator[Fault]:
    """Files in promotion's folders that no pinned environment owns, or that git keeps otherwise."""
    states = {state_path(name) for name in pinned}
    folders = {rendered_folder(name) for name in pinned}
    ledgers = {ledger_folder(name) for name in pinned}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        if not (
            path in states
            or any(path.startswith(each) for each in folders)
            or (f"{folder}/" in ledgers and RECORD_NAME.fullmatch(name))
        ):
            why = f"Only promotion writes to {', '.join(OWNED)}, for pinned environments."
            yield Fault(None, path, "is not a file that promotion wrote", why)
        if file.mode != REGULAR:
            why = f"Git keeps it as {file.mode}, and promotion writes {REGULAR}."
            yield Fault(None, path, "is no regular file", why)


def kept(files: Mapping[str, bytes], environment: str) -> Kept:
    """The state and the records of an environment, and the faults of each and between them."""
    records: list[Recorded] = []
    faults: list[Fault] = []
    folder = ledger_folder(environment)
    for path, content in below(files, folder).items():
        if not RECORD_NAME.fullmatch(path.removeprefix(folder)):
            continue
        try:
            records.append(read_record(content, path))
        except IntegrityError as error:
            faults.append(fault_of(environment, error))
    records.sort(key=lambda each: each.record.sequence)
    try:
        check_chain(records)
    except IntegrityError as error:
        # A record that does not parse leaves a gap, which says nothing more.
        faults += [] if faults else [fault_of(environment, error)]
    state = None
    try:
        state = _state(files, environment, records)
    except IntegrityError as error:
        faults.append(fault_of(environment, error))
    return Kept(state, records, faults)


def _state(
    files: Mapping[str, bytes], environment: str, records: list[Recorded]
) -> EnvironmentState | None:
    """The state, which is what the newest record left."""
    path = state_path(environment)
    content = files.get(path)
    if content is None:
        if records or below(files, rendered_folder(environment)):
            raise IntegrityError("is missing", file=path)
        return None
    state = read_state(content, environment)
    if not records:
        raise IntegrityError("is missing", file=state.record)
    last = records[-1]
    if state.record != last.record.path:
        raise IntegrityError(
            f"tells the record {state.record}, and the newest is {last.record.path}", file=path
        )
    if state != state_of(last.record, last.sha256):
        raise IntegrityError(f"is not what {last.record.path} left", file=path)
    return state


def rendered_faults(
    files: Mapping[str, bytes], record: PromotionRecord, renders: Renders
) -> Iterator[Fault]:
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
            yield fault_of(environment, error)
        if not same:
            yield Fault(environment, folder, f"is not what {record.path} wrote")
        return
    except ToolError:
        raise
    except MeshgateError as error:
        # What a record names must render, whether the record was changed or its source.
        yield Fault(environment, record.path, "tells a source that does not render", str(error))
        return
    differing = [path for path in sorted(own.keys() | wanted) if own.get(path) != wanted.get(path)]
    for path in differing:
        yield Fault(environment, path, *_difference(own.get(path), wanted.get(path), record))
    if not same and not differing:
        yield Fault(environment, record.path, "tells another digest than that of what it rendered")


def _difference(
    found: bytes | None, wanted: bytes | None, record: PromotionRecord
) -> tuple[str, str]:
    commit = record.source.commit[:10]
    if found is None:
        return "is missing", f"{commit} renders it."
    if wanted is None:
        return "is not a file that promotion wrote", f"{commit} does not render it."
    pairs = zip(found.split(b"\n"), [*wanted.split(b"\n"), b"", b""], strict=False)
    for number, (here, there) in enumerate(pairs, 1):
        if here != there:
            told = f"line {number} is {_shown(here)}, and {commit} renders {_shown(there)}"
            return "was changed", f"{told}."
    return "was changed", f"It ends before what {commit} renders."


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace").strip()
    return f"`{text if len(text) <= SHOWN else text[:SHOWN] + '…'}`"


def fault_of(environment: str | None, error: IntegrityError) -> Fault:
    """The fault that an error tells."""
    return Fault(environment, error.file, error.fault, error.why)


def faults(files: Mapping[str, bytes], found: Kept, renders: Renders) -> Iterator[Fault]:
    """All that is wrong with one environment, `found` being what its files say.

    Raises ToolError where its newest release cannot be rendered here.
    """
    yield from found.faults
    if found.last is not None:
        yield from rendered_faults(files, found.last.record, renders)
