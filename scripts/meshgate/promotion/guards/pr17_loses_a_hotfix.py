"""What a hotfix changed stays until a release has it, or somebody says that it is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.promotion.backport import facts_between, missing_facts
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING, Event, Fact
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.records import PromotionRecord
from meshgate.wording import plural


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare what is owed before and after, and the objects that the values are in."""
    before = candidate.base.state.pending_backport if candidate.base.state is not None else None
    after = known(candidate.head.state, f"the state of {candidate.name}").pending_backport
    if candidate.event not in RENDERING:
        if after != before:
            yield Objection(f"a {candidate.event} changes what {candidate.name} owes")
        return
    noted = after.facts if after is not None else ()
    if candidate.event is Event.HOTFIX:
        yield from _is_noted(candidate, noted)
    if before is None:
        return
    lost = [
        fact
        for fact in missing_facts(before.facts, known(candidate.after, "the objects afterwards"))
        if not is_given_up(fact, candidate.record)
    ]
    forgotten = [fact for fact in lost if fact not in noted]
    if lost and candidate.event is Event.PROMOTE:
        yield Objection(
            f"{plural(len(lost), 'value')} of the hotfix {before.record} would be lost",
            details=tuple(map(given_up, lost)),
        )
    elif forgotten:
        yield Objection(
            f"{plural(len(forgotten), 'value')} of the hotfix {before.record} would be forgotten",
            "it stays owed, so that the next promotion pays it; run the command again",
            details=tuple(map(given_up, forgotten)),
        )


def _is_noted(candidate: Candidate, noted: Sequence[Fact]) -> Iterator[Objection]:
    """Everything that a hotfix changes here is noted, for main to have."""
    before = known(candidate.before, "the objects before")
    after = known(candidate.after, "the objects afterwards")
    missing = [fact for fact in facts_between(before, after) if fact not in noted]
    if missing:
        yield Objection(
            f"{plural(len(missing), 'value')} that the hotfix sets would not be owed to main",
            "run `meshgate hotfix` again",
            details=tuple(map(given_up, missing)),
        )


def given_up(fact: Fact) -> str:
    """How a record names a fact that it gives up on purpose: in `acknowledges[].finding`."""
    return f"{GUARD.id}:{fact.resource}#{fact.pointer}"


def is_given_up(fact: Fact, record: PromotionRecord) -> bool:
    """Whether a record says that the fact no longer matters, and by whose word."""
    return any(
        acknowledged.get("finding") == given_up(fact) and acknowledged.get("by")
        for acknowledged in record.acknowledges
    )


GUARD = Guard(
    id="PR17",
    name="loses-a-hotfix",
    summary="the render lacks what an earlier hotfix set here",
    why="The next promotion must not bring an incident back whose repair never reached main.",
    hint="merge the hotfix to main and promote a release that has it, or name what is over",
    status="order",
    check=check,
)
