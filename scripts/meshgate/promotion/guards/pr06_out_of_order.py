"""A release has been in the environments before this one, and none of them rejected it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD, Event
from meshgate.promotion.gates import verified
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.status import EnvironmentStatus, Presence


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask each environment before this one; all of them, or any, as `after` says."""
    if candidate.event is Event.ADOPT:
        yield from _adopts_what_is_there(candidate)
        return
    missing = set(candidate.policy.after) - {
        upstream.environment for upstream in candidate.upstream
    }
    if missing:
        yield Objection(f"nothing is known of {', '.join(sorted(missing))}")
    objections_by_environment = [
        (upstream, tuple(_not_passed(candidate, upstream))) for upstream in candidate.upstream
    ]
    if not candidate.policy.after_all and any(
        not objections for _, objections in objections_by_environment
    ):
        return
    skipped = {bypass.gate for bypass in candidate.record.bypasses}
    for upstream, objections in objections_by_environment:
        if candidate.event is Event.HOTFIX and upstream.environment in skipped:
            continue
        yield from objections


def _adopts_what_is_there(candidate: Candidate) -> Iterator[Objection]:
    """An adoption begins a ledger, or renders anew what is there; it brings no other release."""
    state = candidate.base.state
    if state is not None and state.release != candidate.release:
        yield Objection(
            f"{candidate.name} has {state.release}, and this adopts {candidate.release}",
            f"`meshgate promote {candidate.name}` brings another release",
        )


def _not_passed(candidate: Candidate, upstream: EnvironmentStatus) -> Iterator[Objection]:
    name, release = upstream.environment, candidate.release
    if release in upstream.rejected:
        yield Objection(f"{release} was rejected in {name}", "promote a release that mends it")
        return
    presence = upstream.presence(release)
    if presence is Presence.UNSEEN:
        yield Objection(f"{release} has never been in {name}", f"promote it to {name} first")
    elif presence is Presence.NO_OP and (reason := verified(candidate, upstream)):
        yield Objection(
            f"{release} changes nothing in {name}, and what is there is not verified: {reason}",
            "wait for the evidence of what is there now",
            waits=True,
        )


GUARD = Guard(
    id="PR06",
    name="out-of-order",
    summary="an environment before this one never had the release, or rejected it",
    why="The environments before exist to find out; what changes nothing there is not tried there.",
    hint="promote through the environments in order",
    status="order",
    check=check,
    events=FORWARD | {Event.ADOPT},
)
