"""Roll back: the bytes of an earlier record, as they were, and a hold that keeps them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from meshgate.errors import IntegrityError, NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion.environment_state import EnvironmentState, Event, Hold, Release
from meshgate.promotion.files import (
    at_commit,
    below,
    contents,
    ledger_folder,
    rendered_folder,
    rendered_sum,
)
from meshgate.promotion.guards.pr12_findings import GUARD as FINDINGS
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.main_line import newest_additions
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.prepare import PreparedCommit, prepare, refuse
from meshgate.promotion.pull_request import PullRequestResult, propose
from meshgate.promotion.records import Bypass, PromotionRecord
from meshgate.promotion.rendering import read_rendered, tool
from meshgate.promotion.session import Session
from meshgate.promotion.transition import RecordDraft
from meshgate.schema import check

SHOWN = 5


def prepare_rollback(
    session: Session, name: str, to: int, *, reason: str, ticket: str = ""
) -> PreparedCommit:
    """The commit that puts an environment back to a record of its ledger.

    Raises UsageError for a sequence that is not there, NothingToPromoteError for one that changes
    nothing, IntegrityError where the recorded bytes are not to be found, RefusedError for bytes
    that the cluster would not take.
    """
    policy, state = session.adopted(name)
    target = _target(session, state, to)
    files = recorded_bytes(session, target)
    _refuse_unservable(session, policy, files)
    draft = RecordDraft(
        environment=name,
        event=Event.ROLLBACK,
        created_at=session.now,
        release=Release(target.release, target.alias, target.source),
        files=files,
        overlay=target.rendered.overlay,
        hold=held_by_rollback(to, reason, by=session.login, since=session.now),
        # What a rule of today forbids may be what worked then; the ticket answers for it.
        bypasses=(Bypass(FINDINGS.id, session.login, reason, ticket),) if ticket else (),
        requested_by=session.requested_by,
        reason=reason,
        ticket=ticket,
        tool=tool(session.repository, session.commit),
    )
    return prepare(session, state, draft)


def roll_back(
    session: Session, name: str, to: int, *, reason: str, ticket: str = "", refresh: bool = False
) -> PullRequestResult:
    """The pull request of a rollback. Raises as `prepare_rollback`, RefusedError for a guard."""
    prepared = prepare_rollback(session, name, to, reason=reason, ticket=ticket)
    refuse(prepared)
    return propose(session, prepared, refresh=refresh, again=True)


def held_by_rollback(to: int, reason: str, *, by: str, since: datetime.datetime) -> Hold:
    """The hold that a rollback to a sequence begins: without it the next promotion undoes it."""
    return Hold(
        since=since.replace(microsecond=0),
        by=by,
        reason=f"rolled back to sequence {to}: {reason}",
        blocks=(Event.PROMOTE, Event.HOTFIX),
    )


def _target(session: Session, state: EnvironmentState, to: int) -> PromotionRecord:
    name = state.environment
    records = {
        recorded.record.sequence: recorded.record for recorded in read_ledger(session.files, name)
    }
    target = records.get(to)
    if target is None or not target.event.changes_render:
        possible = [
            f"{record.sequence} ({record.alias})"
            for record in records.values()
            if record.event.changes_render and record.rendered.sha256 != state.rendered.sha256
        ]
        raise UsageError(
            f"{name} has no sequence {to} that rendered anything",
            hint=f"it has {', '.join(possible)}" if possible else f"see `meshgate history {name}`",
        )
    if target.rendered.sha256 == state.rendered.sha256:
        raise NothingToPromoteError(f"{name} has what sequence {to} had already")
    return target


def recorded_bytes(session: Session, record: PromotionRecord) -> dict[str, bytes]:
    """The rendered files of a record, from the commit that brought it. Raises IntegrityError."""
    name, repository = record.environment, session.repository
    brought = newest_additions(repository, session.commit, ledger_folder(name)).get(record.path)
    if brought is not None:
        files = below(contents(at_commit(repository, brought)), rendered_folder(name))
        if rendered_sum(name, files) == record.rendered.sha256:
            return files
    raise IntegrityError(
        f"{record.path}: the bytes it tells of are not in the commit that brought it",
        why=f"rendered/{name} there has not the digest {record.rendered.sha256[:12]}...",
        hint="`meshgate audit` tells what was changed",
    )


def _refuse_unservable(
    session: Session, policy: EnvironmentPolicy, files: Mapping[str, bytes]
) -> None:
    """Raise RefusedError for objects that the Istio of today does not serve."""
    environment = session.environment(policy.name)
    violations = check(
        read_rendered(files),
        istio=environment.mesh.istio,
        engine=session.engine,
        allowed=environment.kinds,
    )
    if violations:
        lines = [
            f"{violation.rule} {violation.resource}: {violation.message}"
            for violation in violations
        ]
        raise RefusedError(
            f"{policy.name} runs Istio {environment.mesh.istio}, which refuses what was there then",
            why="\n".join(lines[:SHOWN]),
            hint="roll back to a later sequence, or mend it by `meshgate hotfix`",
        )
