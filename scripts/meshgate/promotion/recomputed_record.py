"""What the record of an event says, made anew from its commit and the base it was made on.

Left as the record tells it is what its writer alone knows: when it was made and by whom it was
asked, its reason and ticket, until when a hold or a backport lasts, and what a forge or somebody's
evidence said to a gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import structs

from meshgate.promotion.backport import facts_between, missing_facts
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event, Hold, PendingBackport, Release
from meshgate.promotion.gates import asks_others, results
from meshgate.promotion.guards.pr12_findings import GUARD as FINDINGS
from meshgate.promotion.guards.pr17_loses_a_hotfix import given_up
from meshgate.promotion.hotfix import pending_facts
from meshgate.promotion.prepare import completed, shrinks
from meshgate.promotion.promote import SHRINKS, passed_in
from meshgate.promotion.records import (
    Acknowledged,
    Bypass,
    GateResult,
    InputChange,
    PromotionRecord,
)
from meshgate.promotion.release import changes
from meshgate.promotion.rollback import held_by_rollback
from meshgate.promotion.session import Session
from meshgate.promotion.transition import RecordDraft, advance

# What depends on how Istio is understood, and so on the version of this tool.
OF_MODEL = frozenset({"effects", "gates", "exercised_below", "untested_below"})
LINKED = re.compile(r" \(main: .*\)$", re.DOTALL)


def recompute_record(session: Session, candidate: Candidate) -> PromotionRecord:
    """The record that promotion writes for the change of a candidate.

    `session` is at the base that the record was made on, at the moment when it was made. Raises
    UsageError for an event that could not have been, RepositoryError where a commit is gone.
    """
    draft = _draft(session, candidate)
    gates = tuple(_gates(candidate))
    written = completed(session, draft, candidate, gates)
    return advance(candidate.base.state, candidate.base.files, written).record


def differing(record: PromotionRecord, anew: PromotionRecord) -> list[str]:
    """The names of the fields in which a record is not what promotion writes."""
    names = (field.name for field in structs.fields(record))
    return [name for name in names if getattr(record, name) != getattr(anew, name)]


def _draft(session: Session, candidate: Candidate) -> RecordDraft:
    record, state = candidate.record, candidate.base.state
    draft = RecordDraft(
        environment=record.environment,
        event=record.event,
        created_at=candidate.now,
        requested_by=record.requested_by,
        reason=record.reason,
        ticket=record.ticket,
        tool=record.tool,
        hold=_hold(candidate),
    )
    if record.event is Event.REJECT and state is not None:
        new = [release for release in record.rejected if release not in state.rejected]
        return structs.replace(draft, rejects=tuple(new[:1]))
    if not record.event.changes_render:
        return draft
    release, overlay = _release(session, candidate)
    forward = record.event in {Event.PROMOTE, Event.HOTFIX}
    return structs.replace(
        draft,
        release=release,
        files=candidate.head.rendered,
        overlay=overlay,
        changes=_changes(session, candidate, release) if forward else (),
        bypasses=tuple(_bypasses(session, candidate, release)),
        acknowledges=tuple(_forgiven(candidate)),
        pending_backport=_backport(candidate),
        ends_backport=_ends_backport(candidate),
    )


def _asked_by(record: PromotionRecord) -> str:
    return record.requested_by.get("login", "")


def _release(session: Session, candidate: Candidate) -> tuple[Release, str]:
    """The release and what it was rendered from; of a rollback, as the ledger had it before."""
    record = candidate.record
    if record.event is not Event.ROLLBACK:
        return session.releases.at(record.source.commit), candidate.policy.sources
    for earlier in reversed(candidate.base.records):
        same = (earlier.release, earlier.rendered.sha256)
        if earlier.event.changes_render and same == (record.release, record.rendered.sha256):
            return Release(earlier.release, earlier.alias, earlier.source), earlier.rendered.overlay
    return session.releases.at(record.source.commit), candidate.policy.sources


def _changes(session: Session, candidate: Candidate, release: Release) -> tuple[InputChange, ...]:
    before = candidate.base.state.source.commit if candidate.base.state is not None else None
    return changes(session.repository, before, release.source.commit)


def _hold(candidate: Candidate) -> Hold | None:
    """The hold that begins; how long it lasts and what it keeps out is for its writer to say."""
    record = candidate.record
    if record.hold is None:
        return None
    if record.event is Event.HOLD:
        return Hold(
            since=candidate.now,
            by=_asked_by(record),
            reason=record.reason,
            until=record.hold.until,
            blocks=record.hold.blocks,
        )
    if record.event is Event.ROLLBACK:
        known = [
            held_by_rollback(
                earlier.sequence, record.reason, by=_asked_by(record), since=candidate.now
            )
            for earlier in candidate.base.records
            if earlier.event.changes_render and earlier.rendered.sha256 == record.rendered.sha256
        ]
        same = [hold for hold in known if hold.reason == record.hold.reason]
        return next(iter([*same, *known]), None)
    return None


def _bypasses(session: Session, candidate: Candidate, release: Release) -> Iterator[Bypass]:
    record, by = candidate.record, _asked_by(candidate.record)
    if record.event is Event.ROLLBACK and record.ticket:
        yield Bypass(FINDINGS.id, by, record.reason, record.ticket)
    if record.event is Event.HOTFIX:
        reason = LINKED.sub("", record.reason)
        for below in candidate.policy.after:
            if not passed_in(session, session.policy.of(below), release):
                yield Bypass(below, by, reason, record.ticket)
    if record.event is Event.PROMOTE:
        recorded = {bypass.gate: bypass for bypass in record.bypasses}
        lost = shrinks(len(candidate.base.rendered), len(candidate.head.rendered))
        if lost and SHRINKS in recorded:
            yield structs.replace(recorded[SHRINKS], by=by)


def _forgiven(candidate: Candidate) -> Iterator[Acknowledged]:
    """The values of a hotfix that a promotion gives up, each by the word of who asked for it."""
    record, state = candidate.record, candidate.base.state
    if record.event is not Event.PROMOTE or not _ends_backport(candidate) or state is None:
        return
    reasons = {entry.get("finding"): entry.get("reason", "") for entry in record.acknowledges}
    facts = state.pending_backport.facts if state.pending_backport is not None else ()
    for fact in missing_facts(facts, candidate.after or ()):
        finding = given_up(fact)
        yield Acknowledged(
            finding=finding, by=_asked_by(record), reason=reasons.get(finding, record.reason)
        )


def _ends_backport(candidate: Candidate) -> bool:
    state = candidate.base.state
    return (
        candidate.event is Event.PROMOTE
        and state is not None
        and state.pending_backport is not None
        and candidate.record.pending_backport is None
    )


def _backport(candidate: Candidate) -> PendingBackport | None:
    record, state = candidate.record, candidate.base.state
    if record.event is not Event.HOTFIX or state is None:
        return None
    facts = facts_between(candidate.before or (), candidate.after or ())
    recorded = record.pending_backport
    due = recorded.due if recorded is not None else candidate.today
    return PendingBackport(record="", facts=pending_facts(state, facts), due=due)


def _gates(candidate: Candidate) -> Iterator[GateResult]:
    """Each gate judged anew; one that asks a forge or somebody's evidence as the record has it."""
    recorded = {result.name: result for result in candidate.record.gates}
    for gate, result in results(candidate):
        yield recorded.get(gate.name, result) if asks_others(gate) else result
