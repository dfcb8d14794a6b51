"""soak: the release has stayed long enough in the environments before this one.

The length is the longer of the gate's `duration` (promotions only) and the environment's
`soak.<event>`. With `evidence`, the clock starts when the last cluster was first seen synced.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates.gate import GateType, across, failed, passed, waiting
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.records import GateResult
from meshgate.promotion.status import EnvironmentStatus, Presence, soak
from meshgate.promotion.times import duration, format_duration, format_moment


def judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    """Judge each environment before this one; all of them, or any, as `after` says."""
    required = _required(gate, candidate.policy, candidate.event)
    if not required:
        return passed(gate, f"no soak is asked of a {candidate.event}")
    return across(
        gate,
        (_soaked_in(gate, candidate, upstream, required) for upstream in candidate.upstream),
        all_of=candidate.policy.after_all,
    )


def problems(gate: GateEntry, environment: EnvironmentPolicy) -> Iterator[str]:
    """What would make the gate ask nothing, or wait for ever."""
    if not _required(gate, environment, Event.PROMOTE):
        yield "asks for no time: give the gate a `duration`, or the environment `soak.promote`"
    if not environment.after:
        yield "has no environment to soak in: the environment has no `after`"
    if bool(gate.evidence) != bool(gate.reporters):
        yield "needs both `evidence` and `reporters`, or neither"


def _required(gate: GateEntry, environment: EnvironmentPolicy, event: Event) -> datetime.timedelta:
    own = environment.soak.get(event, datetime.timedelta())
    if event is not Event.PROMOTE or gate.duration is None:
        return own
    return max(own, duration(gate.duration))


def _soaked_in(
    gate: GateEntry, candidate: Candidate, upstream: EnvironmentStatus, required: datetime.timedelta
) -> GateResult:
    name = upstream.environment
    if upstream.presence(candidate.release) is Presence.UNSEEN:
        return waiting(gate, f"{candidate.release} has never been in {name}")
    soaked = soak(
        upstream,
        candidate.release,
        now=candidate.now,
        required=required,
        synced=gate.evidence,
        reporters=gate.reporters,
    )
    if soaked.future is not None:
        return failed(
            gate, f"{name}: its clock starts at {format_moment(soaked.future)}, which is ahead"
        )
    if soaked.length is None:
        return waiting(gate, f"{name}: not yet seen {gate.evidence} everywhere")
    stayed = f"{name}: stayed {format_duration(soaked.length)} of {format_duration(required)}"
    if soaked.length >= required:
        return passed(gate, stayed)
    if soaked.ends is None:
        return failed(gate, f"{stayed}, and is there no more")
    return waiting(gate, f"{stayed}; done {format_moment(soaked.ends)}")


GATE_TYPE = GateType(
    name="soak",
    status="soak",
    keys=frozenset({"duration", "evidence", "reporters"}),
    needed=frozenset(),
    judge=judge,
    problems=problems,
    # The lengths of `soak` say themselves which events they are for.
    events=frozenset(Event),
)
