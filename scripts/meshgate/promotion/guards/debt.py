"""PR17: what a hotfix changed stays until a release has it, or says that it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.promotion.guards.guard import RENDERING, Guard, Objection, known
from meshgate.promotion.values import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meshgate.model import JSON, Resource
    from meshgate.promotion.candidate import Candidate
    from meshgate.promotion.values import Fact, PromotionRecord

GONE = object()


def owes_nothing(candidate: Candidate) -> Iterator[Objection]:
    """PR17."""
    before = candidate.base.state
    after = known(candidate.head.state, f"the state of {candidate.name}")
    if candidate.event is Event.HOTFIX:
        yield from _is_noted(candidate)
    if before is None or before.debt is None:
        return
    objects = known(candidate.after, "the objects afterwards")
    if candidate.event is Event.HOTFIX:
        noted = after.debt.facts if after.debt else ()
        dropped = [
            fact
            for fact in lacking(before.debt.facts, objects)
            if fact not in noted and not superseded(fact, candidate.record)
        ]
    else:
        dropped = [
            fact
            for fact in lacking(before.debt.facts, objects)
            if not superseded(fact, candidate.record)
        ]
    if dropped and candidate.event is not Event.ROLLBACK:
        yield Objection(
            f"{len(dropped)} values of the hotfix {before.debt.record} would be lost",
            details=tuple(map(finding, dropped)),
        )
    kept = after.debt.facts if after.debt else ()
    forgotten = [fact for fact in dropped if fact not in kept]
    if forgotten and candidate.event is Event.ROLLBACK:
        yield Objection(
            f"{len(forgotten)} values of the hotfix {before.debt.record} are no longer owed",
            "a rollback keeps the debt, so that the next promotion pays it",
            details=tuple(map(finding, forgotten)),
        )


def _is_noted(candidate: Candidate) -> Iterator[Objection]:
    after = known(candidate.head.state, f"the state of {candidate.name}")
    if after.debt is None or not after.debt.facts:
        yield Objection("a hotfix must note what it owes to main", "run `meshgate hotfix` again")
        return
    objects = known(candidate.after, "the objects afterwards")
    wrong = lacking(after.debt.facts, objects)
    if wrong:
        yield Objection(
            "the hotfix notes values that its own render does not have",
            details=tuple(map(finding, wrong)),
        )


def finding(fact: Fact) -> str:
    """How a record names a fact that it gives up on purpose: in `acknowledges[].finding`."""
    return f"PR17:{fact.resource}#{fact.pointer}"


def superseded(fact: Fact, record: PromotionRecord) -> bool:
    """Whether a record says that the fact no longer matters."""
    return any(ack.get("finding") == finding(fact) for ack in record.acknowledges)


def lacking(facts: Sequence[Fact], resources: Sequence[Resource]) -> list[Fact]:
    """The facts that these objects do not have."""
    objects = {str(resource): resource.value for resource in resources}
    return [fact for fact in facts if not _holds(fact, objects)]


def _holds(fact: Fact, objects: Mapping[str, JSON]) -> bool:
    value = objects.get(fact.resource, GONE)
    for token in fact.pointer.split("/")[1:]:
        value = _inside(value, token.replace("~1", "/").replace("~0", "~"))
    return value is GONE if fact.absent else (value is not GONE and value == fact.value)


def _inside(value: JSON, key: str) -> JSON:
    if isinstance(value, dict):
        found = value.get(key, GONE)
        # A port of portLevelMtls is text in JSON and may be a number here.
        return value.get(int(key), GONE) if found is GONE and key.isdecimal() else found
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return GONE


DEBT = Guard(
    id="PR17",
    name="loses-a-hotfix",
    summary="the render lacks what an earlier hotfix set here",
    why="The next promotion must not bring an incident back whose repair never reached main.",
    hint="merge the hotfix to main and promote a release that has it, or name what is over",
    status="order",
    check=owes_nothing,
    events=RENDERING - {Event.ADOPT},
)
