"""PR13-PR15: calls that break, steps that are too large, ports that get weaker."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from meshgate.effect import Effect
from meshgate.effect.changes import PortChange
from meshgate.mesh import Mode
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.guards.guard import RENDERING, Guard, Objection, known, reviews_of
from meshgate.promotion.guards.waiting import closed
from meshgate.promotion.names import LOOSENS
from meshgate.promotion.records import Event
from meshgate.promotion.times import format_duration

TOLD = 20
APPROVED = "approved"


def effect_of(candidate: Candidate) -> Effect | None:
    """The effect; None where nothing was here before. Raises MissingError."""
    if candidate.base.state is None and candidate.event is Event.ADOPT:
        return None
    return known(candidate.effect, "the effect of the change")


def acknowledged(candidate: Candidate, digest: str) -> bool:
    """Whether the base accepts exactly this set for this release, today."""
    return any(
        ack.release == candidate.release and ack.breaks == digest and candidate.today <= ack.until
        for ack in candidate.environment.acknowledgements
    )


def how_to_acknowledge(candidate: Candidate, digest: str) -> str:
    """The way to accept a set: an entry that is merged before the promotion is made."""
    return (
        f"merge into waivers/{candidate.name}.yaml, under acknowledgements, "
        f"{{release: {candidate.release}, breaks: {digest}, owner, reason, until}}, and promote "
        "again"
    )


def breaks_nothing(candidate: Candidate) -> Iterator[Objection]:
    """PR13, and the gates that limit an effect."""
    yield from closed(candidate, BREAKS.status)
    effect = effect_of(candidate)
    if effect is None:
        return
    if effect.breaks and not acknowledged(candidate, effect.breaks_digest):
        calls = sum(change.count for change in effect.breaks)
        yield Objection(
            f"{calls} {'call breaks' if calls == 1 else 'calls break'}",
            how_to_acknowledge(candidate, effect.breaks_digest),
            details=tuple(line for change in effect.breaks for line in change.lines())[:TOLD],
        )
    if effect.undecided:
        yield Objection(
            f"{len(effect.undecided)} changes cannot be decided",
            "add what is missing to inventory/; `meshgate diff` tells what that is",
        )


def steps_are_safe(candidate: Candidate) -> Iterator[Objection]:
    """PR14."""
    effect = effect_of(candidate)
    if effect is None:
        return
    jumps = [
        port
        for port in effect.tightened
        if port.before.mode is Mode.DISABLE and port.after.mode is Mode.STRICT
    ]
    if jumps:
        yield Objection(
            f"{len(jumps)} ports go from DISABLE to STRICT in one step",
            details=tuple(map(str, jumps[:TOLD])),
        )
    unsafe = [call for call in effect.unsafe if call.decided]
    if unsafe:
        yield Objection(
            f"{sum(call.count for call in unsafe)} calls may fail while the change spreads",
            details=tuple(f"{call.host}:{call.port}: {call.combination}" for call in unsafe[:TOLD]),
        )
    yield from _too_soon(candidate, effect)


def _too_soon(candidate: Candidate, effect: Effect) -> Iterator[Objection]:
    """PERMISSIVE that followed DISABLE must have been here as long as a release soaks."""
    required = candidate.policy.soak.get(Event.PROMOTE, datetime.timedelta())
    for port in effect.tightened:
        if port.before.mode is not Mode.PERMISSIVE or port.after.mode is not Mode.STRICT:
            continue
        since = _permissive_since(candidate, port)
        if since is not None and candidate.now - since < required:
            soaked = format_duration(candidate.now - since)
            yield Objection(
                f"{port} is PERMISSIVE for {soaked} only, of {format_duration(required)}",
                "wait: clients that send plaintext show only in time",
                waits=True,
            )


def _permissive_since(candidate: Candidate, port: PortChange) -> datetime.datetime | None:
    """When the port came from DISABLE to PERMISSIVE, as the ledger tells; None: it did not."""
    for record in reversed(candidate.base.records):
        for port_entry in record.effects.tightened if record.effects else ():
            same = (port_entry.get("namespace"), port_entry.get("workload"), port_entry.get("port"))
            if same == (port.namespace, port.workload.name, port.port):
                before = port_entry.get("before", {}).get("mode")
                return _merged_at(candidate, record.sequence) if before == "DISABLE" else None
    return None


def _merged_at(candidate: Candidate, sequence: int) -> datetime.datetime:
    """When a record was merged; the moment of judgement where that is not known."""
    record = next(known for known in candidate.base.records if known.sequence == sequence)
    for deployment in candidate.status.deployments if candidate.status else ():
        if deployment.tree == record.rendered.tree and deployment.release == record.release:
            return deployment.since
    return candidate.now


def weakening_is_agreed(candidate: Candidate) -> Iterator[Objection]:
    """PR15."""
    effect = effect_of(candidate)
    if effect is None or not effect.loosened:
        return
    ports = tuple(map(str, effect.loosened[:TOLD]))
    teams = candidate.policy.approvals.weakening_teams
    if not teams:
        yield Objection(
            f"{len(effect.loosened)} ports get weaker, and no team may agree to that",
            "name one in `approvals.weakening.teams` of environments.yaml",
            details=ports,
        )
        return
    if candidate.reviews is None and candidate.without_forge:
        return
    reviews = reviews_of(candidate)
    if LOOSENS not in reviews.pull_request.labels:
        yield Objection(
            f"{len(effect.loosened)} ports get weaker, and the label {LOOSENS} is missing",
            "`meshgate gate` sets it again",
            waits=True,
        )
    agreed = any(
        review.state == APPROVED
        and review.commit == reviews.pull_request.head_sha
        and set(review.teams) & set(teams)
        for review in reviews.reviews
    )
    if not agreed:
        yield Objection(
            f"{len(effect.loosened)} ports get weaker, and nobody of {' or '.join(teams)} agrees",
            "ask them for a review of this commit",
            waits=True,
            details=ports,
        )


def agreement_to_come(candidate: Candidate) -> str:
    """What people will have to say of a candidate that has no pull request yet."""
    teams = candidate.policy.approvals.weakening_teams
    return f"a port gets weaker: somebody of {' or '.join(teams)} must agree"


BREAKS = Guard(
    id="PR13",
    name="breaks-calls",
    summary="a call that works would fail, and nobody accepted exactly this set",
    why="An accepted break is a decision; an unknown one is an outage.",
    hint="take the safe steps that `meshgate steps` proposes",
    status="effects",
    check=breaks_nothing,
    events=RENDERING,
)
STEPS = Guard(
    id="PR14",
    name="unsafe-step",
    summary="DISABLE becomes STRICT in one step, or calls may fail while the change spreads",
    why="Proxies take a change one by one. Between the first and the last, old clients meet new "
    "servers, and only PERMISSIVE takes both.",
    hint="`meshgate steps` proposes the way: PERMISSIVE first, and STRICT when that has soaked",
    status="effects",
    awaits="PERMISSIVE to soak",
    check=steps_are_safe,
    events=RENDERING,
)
WEAKENS = Guard(
    id="PR15",
    name="weakens",
    summary="a port gets weaker without the word of the security team",
    why="A rollback is often a loosening, made in a hurry; somebody must say yes to it.",
    hint="ask a member of `approvals.weakening.teams` for a review of the head commit",
    status="effects",
    check=weakening_is_agreed,
    events=RENDERING,
    awaits="agreement to weaker ports",
    awaited_review=agreement_to_come,
)
