"""PR04, PR05: the state follows the one that is on the base now, and the ledger tells how."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import ledger_folder, sha256
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.ledger import state_of
from meshgate.promotion.records import Event, Previous


def follows_base(candidate: Candidate) -> Iterator[Objection]:
    """PR04."""
    for problem in (*candidate.base.problems, *candidate.head.problems):
        yield Objection(problem, "run `meshgate audit` to see what is broken")
    before = candidate.base.state
    after = known(candidate.head.state, f"the state of {candidate.name}")
    if before is None:
        if candidate.event is not Event.ADOPT:
            yield Objection(
                f"{candidate.name} has no state yet", f"run `meshgate adopt {candidate.name}`"
            )
        if after.previous is not None or after.sequence != 1:
            yield Objection("the first state of an environment follows no other")
        return
    if after.sequence != before.sequence + 1:
        yield Objection(
            f"it is event {after.sequence} of {candidate.name}, and the base is at "
            f"{before.sequence}",
        )
    if after.previous != Previous(before.sequence, before.release, before.record_sha256):
        yield Objection(
            f"it was made from another state of {candidate.name} than the base has now",
        )


def is_recorded(candidate: Candidate) -> Iterator[Objection]:
    """PR05."""
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


FOLLOWS = Guard(
    id="PR04",
    name="stale-state",
    summary="the state does not follow the state that the base branch has now",
    why="Two promotions made from one state would undo each other; the second must be made anew.",
    hint="run `meshgate promote` again: it starts from the base as it is now",
    status="scope",
    check=follows_base,
)
RECORDED = Guard(
    id="PR05",
    name="broken-ledger",
    summary="the ledger was edited, has a gap, or does not say what the state says",
    why="The ledger answers what was enforced when, and by whose word; nobody may rewrite it.",
    hint="close the pull request and run the command again; records are written by meshgate alone",
    status="scope",
    check=is_recorded,
)
