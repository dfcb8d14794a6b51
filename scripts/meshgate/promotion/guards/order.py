"""PR06, PR07: a release comes from the environments before this one, and never goes backwards."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import verified
from meshgate.promotion.guards.guard import FORWARD, Guard, Objection, known
from meshgate.promotion.records import Event
from meshgate.promotion.status import EnvironmentStatus, Presence


def passed_upstream(candidate: Candidate) -> Iterator[Objection]:
    """PR06."""
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


def moves_forward(candidate: Candidate) -> Iterator[Objection]:
    """PR07."""
    ancestry = known(candidate.ancestry, "where the source commit lies")
    source = candidate.record.source.commit[:12]
    if candidate.event is Event.PROMOTE and not ancestry.on_main:
        yield Objection(f"its source {source} is not on the base branch", "merge it first")
    if ancestry.newest is not None and not ancestry.is_newer:
        yield Objection(
            f"its source {source} does not hold {ancestry.newest[:12]}, which "
            f"{candidate.name} has had",
            f"promote a newer release, or `meshgate rollback {candidate.name} --to SEQ`",
        )


PASSED = Guard(
    id="PR06",
    name="out-of-order",
    summary="an environment before this one never had the release, or rejected it",
    why="The environments before exist to find out; what changes nothing there is not tried there.",
    hint="promote through the environments in order",
    status="order",
    check=passed_upstream,
    events=FORWARD | {Event.ADOPT},
)
FORWARD_ONLY = Guard(
    id="PR07",
    name="backwards",
    summary="the source is older than one that this environment has had, or not on main",
    why="A late merge must not undo what came after it; only a rollback goes back, and says so.",
    hint="promote a newer release; a rollback is a command of its own",
    status="order",
    check=moves_forward,
    events=frozenset({Event.PROMOTE}),
)
