"""The ledger only grows, by one record that tells what the state says."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import ledger_folder, sha256
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.ledger import state_of


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare ledger, record and state."""
    record, state = candidate.record, known(candidate.head.state, f"state of {candidate.name}")
    folder = ledger_folder(candidate.name)
    for path, content in candidate.base.files.items():
        if path.startswith(folder) and candidate.head.files.get(path) != content:
            yield Objection(f"{path} was changed or removed", "records are never edited")
    if record.environment != candidate.name:
        yield Objection(f"the record is one of {record.environment}")
    last = candidate.base.records[-1].sequence if candidate.base.records else 0
    if record.sequence != last + 1:
        yield Objection(f"the record has the number {record.sequence}, after {last}")
    content = known(candidate.head.files.get(record.path), f"the file {record.path}")
    if state != state_of(record, sha256(content)):
        yield Objection(f"the state is not the one that {record.path} leaves")
    before = candidate.base.state
    if record.previous_tree != (before.rendered.tree if before else None):
        yield Objection("the record does not say what was there before")
    if record.created_at is None:
        yield Objection("the record does not say when it was made")


GUARD = Guard(
    id="PR05",
    name="broken-ledger",
    summary="the ledger was edited, has a gap, or does not say what the state says",
    why="The ledger answers what was enforced when, and by whose word; nobody may rewrite it.",
    hint="close the pull request and run the command again; records are written by meshgate alone",
    status="scope",
    check=check,
)
