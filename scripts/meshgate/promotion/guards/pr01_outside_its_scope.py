"""A promotion changes its rendered files, its state and one new record, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING
from meshgate.promotion.files import (
    FileChange,
    is_owned,
    ledger_folder,
    rendered_folder,
    state_path,
)
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.repository import REGULAR


def check(candidate: Candidate) -> Iterator[Objection]:
    """Each file that it changes and may not, or should change and does not."""
    name, record = candidate.name, candidate.record
    wanted = {state_path(name): "modified", record.path: "added"}
    if candidate.base.state is None and not candidate.base.records:
        wanted[state_path(name)] = "added"
    rendered = rendered_folder(name)
    for change in candidate.changed:
        if change.path.startswith(rendered) and candidate.event in RENDERING:
            pass
        elif change.path not in wanted:
            yield Objection(f"{change.path} is {change.kind}", _why(candidate, change))
        elif wanted[change.path] != change.kind:
            yield Objection(f"{change.path} is {change.kind}, and should be {wanted[change.path]}")
        if change.kind != "deleted" and change.mode != REGULAR:
            yield Objection(
                f"{change.path} has git's mode {change.mode}",
                "only regular files are written, no links and no programs",
            )
    for path in wanted.keys() - {change.path for change in candidate.changed}:
        yield Objection(f"{path} is not changed")


def _why(candidate: Candidate, change: FileChange) -> str:
    if change.path.startswith(ledger_folder(candidate.name)):
        return "the ledger is append-only: one new record, and no other file"
    if is_owned(change.path):
        return "one pull request promotes to one environment"
    return "make a pull request of its own for it"


GUARD = Guard(
    id="PR01",
    name="outside-its-scope",
    summary="changes more than its rendered files, its state and one new record",
    why="Whatever rides along in a promotion was not judged as what it is.",
    hint="run `meshgate promote` again; it writes exactly these files",
    status="scope",
    check=check,
    follows_rules=False,
)
