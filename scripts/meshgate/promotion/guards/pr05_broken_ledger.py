"""The ledger only grows, by one record that tells what the state says."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import ledger_folder, sha256, state_path
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.ledger import record_bytes, state_bytes, state_of
from meshgate.promotion.recorded_effects import recorded_effects
from meshgate.promotion.status import SKEW
from meshgate.promotion.times import format_utc

NOT_WRITTEN = "no comments, anchors or other order of keys: run the command again"
REVERT = "the one before was made by a wrong clock: an administrator reverts its commit"
# What of an effect follows from the change alone.
OF_EFFECT = ("digest", "tightened", "loosened", "breaks", "deleted")


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
    if content != record_bytes(record):
        yield Objection(f"{record.path} is not written as promotion writes it", NOT_WRITTEN)
    if candidate.head.files.get(state_path(candidate.name)) != state_bytes(state):
        yield Objection(
            f"the state of {candidate.name} is not written as promotion writes it", NOT_WRITTEN
        )
    yield from _made_when(candidate)
    yield from _misstated_changes(candidate)
    yield from _asked_by_its_author(candidate)


def _made_when(candidate: Candidate) -> Iterator[Objection]:
    """Only its writer knows when a record was made: not before the last one, nor ahead of now."""
    made = candidate.record.created_at
    if made is None:
        yield Objection("the record does not say when it was made")
        return
    if made > candidate.now + SKEW:
        yield Objection(f"the record was made {format_utc(made)}, which is ahead")
    last = candidate.base.records[-1].created_at if candidate.base.records else None
    if last is not None and made < last:
        wrong = last > candidate.now + SKEW
        yield Objection(
            f"the record was made {format_utc(made)}, before the one it follows"
            + (f", which says {format_utc(last)}" if wrong else ""),
            REVERT if wrong else "",
        )


def _misstated_changes(candidate: Candidate) -> Iterator[Objection]:
    """The files that a record lists, and the effect that it tells, computed anew."""
    record, old, new = candidate.record, candidate.base.rendered, candidate.head.rendered
    lists = {
        "added": tuple(sorted(new.keys() - old.keys())),
        "changed": tuple(sorted(path for path in new.keys() & old if new[path] != old[path])),
        "removed": tuple(sorted(old.keys() - new.keys())),
    }
    for key, paths in lists.items():
        if getattr(record, key) != paths:
            yield Objection(f"the record tells other files as {key} than its commit has")
    if candidate.effect is None or candidate.is_draft:
        return
    computed = recorded_effects(candidate.effect, {}, candidate.ports)
    recorded = record.effects
    if recorded is None or any(
        getattr(recorded, key) != getattr(computed, key) for key in OF_EFFECT
    ):
        yield Objection(
            "the record tells another effect than the change has", "run the command again"
        )


def _asked_by_its_author(candidate: Candidate) -> Iterator[Objection]:
    """Who asked by hand opened the pull request; a job tells who started it, and where."""
    asked = candidate.record.requested_by
    if asked.get("via") == "ci" or candidate.reviews is None:
        return
    author = candidate.reviews.pull_request.author
    if asked.get("login") != author:
        yield Objection(f"it says that {asked.get('login')} asked, and {author} opened it")


GUARD = Guard(
    id="PR05",
    name="broken-ledger",
    summary="the ledger was edited, has a gap, or does not say what the state says",
    why="The ledger answers what was enforced when, and by whose word; nobody may rewrite it.",
    hint="close the pull request and run the command again; records are written by meshgate alone",
    status="scope",
    check=check,
    follows_rules=False,
)
