"""PR17: what a hotfix changed stays until a release has it, or says that it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshgate.model import JSON, Resource
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.facts import facts_between
from meshgate.promotion.guards.guard import RENDERING, Guard, Objection, known
from meshgate.promotion.values import Event, Fact, PromotionRecord
from meshgate.wording import plural

GONE = object()


def owes_nothing(candidate: Candidate) -> Iterator[Objection]:
    """PR17."""
    before = candidate.base.state.debt if candidate.base.state is not None else None
    after = known(candidate.head.state, f"the state of {candidate.name}").debt
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
        for fact in lacking(before.facts, known(candidate.after, "the objects afterwards"))
        if not superseded(fact, candidate.record)
    ]
    forgotten = [fact for fact in lost if fact not in noted]
    if lost and candidate.event is Event.PROMOTE:
        yield Objection(
            f"{plural(len(lost), 'value')} of the hotfix {before.record} would be lost",
            details=tuple(map(finding, lost)),
        )
    elif forgotten:
        yield Objection(
            f"{plural(len(forgotten), 'value')} of the hotfix {before.record} would be forgotten",
            "it stays owed, so that the next promotion pays it; run the command again",
            details=tuple(map(finding, forgotten)),
        )


def _is_noted(candidate: Candidate, noted: Sequence[Fact]) -> Iterator[Objection]:
    """Everything that a hotfix changes here is owed to main."""
    before = known(candidate.before, "the objects before")
    after = known(candidate.after, "the objects afterwards")
    missing = [fact for fact in facts_between(before, after) if fact not in noted]
    if missing:
        yield Objection(
            f"{plural(len(missing), 'value')} that the hotfix sets would not be owed to main",
            "run `meshgate hotfix` again",
            details=tuple(map(finding, missing)),
        )


def finding(fact: Fact) -> str:
    """How a record names a fact that it gives up on purpose: in `acknowledges[].finding`."""
    return f"PR17:{fact.resource}#{fact.pointer}"


def superseded(fact: Fact, record: PromotionRecord) -> bool:
    """Whether a record says that the fact no longer matters."""
    return any(ack.get("finding") == finding(fact) and ack.get("by") for ack in record.acknowledges)


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
)
