"""From a decision to a commit that nobody has seen yet, and what guards and gates say of it."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import structs

from meshgate.errors import RefusedError, WaitingError
from meshgate.promotion import names
from meshgate.promotion.backport import facts_between
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import EnvironmentState, Event
from meshgate.promotion.guards import BY_ID, Refusal
from meshgate.promotion.guards.guard import MissingError
from meshgate.promotion.guards.pr16_opens_by_deleting import LEAST_LEFT
from meshgate.promotion.guards.pr18_never_tried_below import unseen
from meshgate.promotion.judge import HeadJudgement, judge_unopened
from meshgate.promotion.ledger import read_record
from meshgate.promotion.recorded_effects import recorded_effects
from meshgate.promotion.records import (
    Acknowledged,
    GateResult,
    InventoryUsed,
    PromotionRecord,
    Upstream,
)
from meshgate.promotion.session import Session
from meshgate.promotion.status import SKEW, soak
from meshgate.promotion.transition import RecordDraft, Transition, advance
from meshgate.repository import commit_files, newest_change

_NOTHING = datetime.timedelta()


class PreparedCommit(NamedTuple):
    """A commit on top of the base, not pushed; its files, and how it was judged."""

    commit: str
    transition: Transition
    before: EnvironmentState | None
    judgement: HeadJudgement

    @property
    def record(self) -> PromotionRecord:
        """The record that the commit adds."""
        return self.transition.record


def prepare(session: Session, state: EnvironmentState | None, draft: RecordDraft) -> PreparedCommit:
    """The commit of an event, its effects, gates and upstream in its record.

    It is judged before the record can be written whole, as the check will judge what is pushed.
    """
    made = _made(session, state, draft.created_at)
    if made != draft.created_at:
        # What the record says of soaks is said of when it was made.
        clock = dataclasses.replace(session.clock, now=made)
        session = dataclasses.replace(session, clock=clock)
        draft = structs.replace(draft, created_at=made)
    first = advance(state, session.files, draft)
    judgement = judge_unopened(session, _commit(session, first, draft))
    candidate = judgement.candidate
    whole = draft if candidate is None else completed(session, draft, candidate, judgement.gates)
    complete = advance(state, session.files, whole)
    return PreparedCommit(_commit(session, complete, draft), complete, state, judgement)


def _made(
    session: Session, state: EnvironmentState | None, now: datetime.datetime
) -> datetime.datetime:
    """When a record is made: now, or with the last one, where that machine's clock was a bit ahead.

    Where it was far ahead, this one is honest and the guard of the ledger refuses it.
    """
    if state is None or state.record not in session.files:
        return now
    last = read_record(session.files[state.record], state.record).record.created_at
    return last if last is not None and now < last <= now + SKEW else now


def refuse(prepared: PreparedCommit) -> None:
    """Raise RefusedError where a guard refuses, WaitingError where it only holds the line."""
    holding = holding_back(prepared)
    title = names.title(prepared.record)
    if any(not refusal.waits for refusal in holding):
        raise RefusedError(f"{title}: refused; nothing was pushed", why=format_refusals(holding))
    if holding:
        raise WaitingError(f"{title}: not now; nothing was pushed", why=format_refusals(holding))


def holding_back(prepared: PreparedCommit) -> list[Refusal]:
    """The refusals that keep a pull request from being opened.

    What waits is shown in it; a hold is not waited for: its end would make the commit stale.
    """
    return [
        refusal
        for refusal in prepared.judgement.refusals
        if not refusal.waits or BY_ID[refusal.guard].holds_back
    ]


def format_refusals(refusals: Iterable[Refusal]) -> str:
    """Refusals for a person, one after the other; a hint that several share is given once."""
    lines: list[str] = []
    for (_, hint), group in itertools.groupby(
        refusals, key=lambda refusal: (refusal.guard, refusal.hint)
    ):
        for refusal in group:
            lines.append(f"{refusal.guard} {refusal.message}")
            lines += [f"  {detail}" for detail in refusal.details]
        if hint:
            lines.append(f"  hint: {hint}")
    return "\n".join(lines)


def shrinks(before: int, after: int) -> bool:
    """Whether so many resources are lost that it looks like a patch gone wrong."""
    return after == 0 or after < before * LEAST_LEFT


def _commit(session: Session, prepared: Transition, draft: RecordDraft) -> str:
    return commit_files(
        session.repository,
        session.commit,
        prepared.files,
        names.message(prepared.record, prepared.state),
        when=draft.created_at,
    )


def completed(
    session: Session, draft: RecordDraft, candidate: Candidate, gates: tuple[GateResult, ...]
) -> RecordDraft:
    """A draft with what follows from how its event is judged: effects, gates, upstream."""
    complete = structs.replace(
        draft,
        gates=gates,
        upstream=upstream(candidate),
        acknowledges=(*draft.acknowledges, *_acknowledged(candidate)),
    )
    if candidate.effect is None:
        return complete
    never, seen = coverage(candidate)
    return structs.replace(
        complete,
        effects=recorded_effects(
            candidate.effect, inventory(session, draft.environment), candidate.ports
        ),
        untested_below=never,
        exercised_below=seen,
    )


def upstream(candidate: Candidate) -> tuple[Upstream, ...]:
    """How the environments before stand."""
    environments = []
    for status in candidate.upstream:
        stayed = soak(status, candidate.release, now=candidate.now, required=_NOTHING)
        deployment = stayed.deployment
        environments.append(
            Upstream(
                environment=status.environment,
                release=deployment.release if deployment else candidate.release,
                since=deployment.since if deployment else None,
                soak=_seconds(stayed.length),
            )
        )
    return tuple(environments)


def _seconds(length: datetime.timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def coverage(candidate: Candidate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that change to what no environment before has, and those that one has."""
    if not candidate.upstream or candidate.before is None or candidate.after is None:
        return (), ()
    changed = {
        f"{fact.resource}#{fact.pointer}"
        for fact in facts_between(candidate.before, candidate.after)
    }
    try:
        never = unseen(candidate)
    except MissingError:
        # The guard of untried fields refuses what cannot be compared.
        return (), ()
    return tuple(never), tuple(sorted(changed - set(never)))


def inventory(session: Session, environment: str) -> InventoryUsed:
    """Which inventory an effect was judged with: git's id, and when it last changed."""
    folder = f"inventory/{environment}"
    newest = newest_change(session.repository, session.commit, folder)
    return {
        "digest": session.repository.object_id(session.commit, folder),
        "at": newest.committed_at.strftime("%Y-%m-%d %H:%M UTC") if newest else None,
    }


def _acknowledged(candidate: Candidate) -> list[Acknowledged]:
    """The accepted breaks of this release, as they were when it was proposed."""
    if candidate.event not in {Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK}:
        return []
    return [
        {
            "finding": f"breaks {accepted.breaks}",
            "by": accepted.owner,
            "reason": accepted.reason,
            "until": accepted.until.isoformat(),
        }
        for accepted in candidate.environment.acknowledgements
        if accepted.release == candidate.release and candidate.today <= accepted.until
    ]
