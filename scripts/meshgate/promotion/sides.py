"""An environment's files at a commit: what state and ledger say, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshgate.errors import IntegrityError
from meshgate.promotion.candidate import FileChange, Side
from meshgate.promotion.files import ledger_folder, rendered_folder, state_path
from meshgate.promotion.ledger import Recorded, read_ledger
from meshgate.promotion.state import read_state, state_of
from meshgate.promotion.values import EnvironmentState
from meshgate.repository import Entry, Repository

ADDED, MODIFIED, DELETED = "added", "modified", "deleted"


def side_at(repository: Repository, commit: str, environment: str) -> Side:
    """The files of an environment at a commit."""
    paths = (
        rendered_folder(environment).rstrip("/"),
        ledger_folder(environment).rstrip("/"),
        state_path(environment),
    )
    entries = repository.entries(commit, *paths)
    files = {entry.path: repository.blob(entry.blob) for entry in entries if _is_file(entry)}
    return side_of(commit, environment, files)


def side_of(commit: str, environment: str, files: Mapping[str, bytes]) -> Side:
    """The same from the files' bytes, by whole path."""
    problems: list[str] = []
    state: EnvironmentState | None = None
    records: list[Recorded] = []
    content = files.get(state_path(environment))
    try:
        state = None if content is None else read_state(content, environment)
    except IntegrityError as error:
        problems.append(_told(error))
    try:
        records = read_ledger(files, environment)
    except IntegrityError as error:
        problems.append(_told(error))
    if not problems and _left_by(records) != state:
        problems.append(f"{state_path(environment)} is not the state that its ledger leaves")
    return Side(commit, state, tuple(each.record for each in records), files, tuple(problems))


def changes(old: Iterable[Entry], new: Iterable[Entry]) -> tuple[FileChange, ...]:
    """What differs between the files of two commits, sorted by path."""
    before = {entry.path: entry for entry in old}
    after = {entry.path: entry for entry in new}
    found = [FileChange(path, DELETED, "") for path in before.keys() - after]
    for path, entry in after.items():
        if path not in before:
            found.append(FileChange(path, ADDED, entry.mode))
        elif before[path] != entry:
            found.append(FileChange(path, MODIFIED, entry.mode))
    return tuple(sorted(found, key=lambda change: change.path))


def _left_by(records: list[Recorded]) -> EnvironmentState | None:
    return state_of(records[-1].record, records[-1].sha256) if records else None


def _is_file(entry: Entry) -> bool:
    return entry.mode.startswith("100")


def _told(error: IntegrityError) -> str:
    return " ".join(filter(None, (error.what, error.why)))
