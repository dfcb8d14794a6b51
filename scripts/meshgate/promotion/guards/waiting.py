"""PR08, PR09, PR10: what is waited for: time, evidence, an open window."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.durations import duration
from meshgate.promotion.gates import GATE_TYPES, Gate
from meshgate.promotion.guards.guard import FORWARD, Guard, Objection
from meshgate.promotion.standing import Standing
from meshgate.promotion.values import Event, GateResult, GateVerdict
from meshgate.promotion.windows import applying

PROOF = ("evidence", "commit-status")
BLOCKING = frozenset({GateVerdict.FAIL, GateVerdict.WAITING})
EVENTS = frozenset({Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK})


def gates(candidate: Candidate) -> Iterator[Gate]:
    """The gates of a candidate: those named, and what soak and windows ask without a name."""
    yield from candidate.gates
    types = {gate.type for gate in candidate.gates}
    policy = candidate.policy
    if "soak" not in types and policy.soak.get(candidate.event):
        yield Gate("soak", "soak", {})
    covered = [gate for gate in candidate.gates if gate.type == "window"]
    named = {name for gate in covered for name in gate.settings.get("windows", ())}
    by_any = any("windows" not in gate.settings for gate in covered)
    others = {one.name for one in applying(policy.windows, policy.name, candidate.event)} - named
    if others and not by_any:
        yield Gate("window", "window", {})


def evaluate(candidate: Candidate) -> list[GateResult]:
    """The verdict of every gate on a candidate, bypasses told as such.

    A gate that raises is closed, and says that it did.
    """
    return [result for _, result in _results(candidate)]


def _results(candidate: Candidate) -> Iterator[tuple[Gate, GateResult]]:
    if candidate.event not in EVENTS:
        return
    bypassed = {bypass.gate: bypass for bypass in candidate.record.bypasses}
    for gate in gates(candidate):
        result = _judged(gate, candidate)
        bypass = bypassed.get(gate.name)
        if bypass is not None and result.verdict in BLOCKING:
            reason = f"{bypass.by}: {bypass.reason} ({result.reason})"
            result = GateResult(gate.name, GateVerdict.BYPASSED, reason, result.evidence)
        yield gate, result


def _judged(gate: Gate, candidate: Candidate) -> GateResult:
    try:
        result = GATE_TYPES[gate.type].judge(gate, candidate)
    except Exception as error:  # noqa: BLE001 - a gate that fails is closed
        return GateResult(gate.name, GateVerdict.FAIL, f"it could not be judged: {error!r}")
    timeout, since = gate.settings.get("timeout"), candidate.record.created_at
    if result.verdict is GateVerdict.WAITING and timeout and since is not None:
        waited = candidate.now - since
        if waited > duration(timeout):
            reason = f"nothing came within {timeout}: {result.reason}"
            return GateResult(gate.name, GateVerdict.FAIL, reason, result.evidence)
    return result


def verified(candidate: Candidate, standing: Standing) -> str:
    """Why what an environment has now is not proven by the evidence gates; empty: it is.

    Without such a gate nothing more than the order and the soak is asked.
    """
    alone = dataclasses.replace(candidate, upstream=(standing,))
    results = [_judged(gate, alone) for gate in candidate.gates if gate.type in PROOF]
    return "; ".join(result.reason for result in results if result.verdict in BLOCKING)


def closed(candidate: Candidate, types: Iterable[str]) -> Iterator[Objection]:
    """An objection for each gate of these types that is not open."""
    for gate, result in _results(candidate):
        if gate.type in types and result.verdict in BLOCKING:
            waits = result.verdict is GateVerdict.WAITING
            yield Objection(f"{result.name}: {result.reason}", waits=waits)


def has_soaked(candidate: Candidate) -> Iterator[Objection]:
    """PR08."""
    yield from closed(candidate, ("soak",))


def has_evidence(candidate: Candidate) -> Iterator[Objection]:
    """PR09."""
    yield from closed(candidate, PROOF)


def is_open(candidate: Candidate) -> Iterator[Objection]:
    """PR10."""
    yield from closed(candidate, ("window",))


SOAKED = Guard(
    id="PR08",
    name="not-soaked",
    summary="the release has not stayed long enough in the environments before this one",
    why="What breaks by the hour, the day or the batch of the night shows only in time.",
    hint="wait; `meshgate status` shows when it is done",
    status="soak",
    check=has_soaked,
    events=EVENTS,
)
PROVEN = Guard(
    id="PR09",
    name="no-evidence",
    summary="evidence is missing, too old, of other content, or from somebody not trusted",
    why="Argo CD and Flux call a policy healthy when the object exists; only traffic tells.",
    hint="wait for the probe, or `meshgate evidence add`; a bypass is recorded",
    status="evidence",
    check=has_evidence,
    events=FORWARD,
)
OPEN = Guard(
    id="PR10",
    name="window-closed",
    summary="no window is open for this event now",
    why="A green check from yesterday must not merge into today's freeze.",
    hint="wait until it opens; a rollback is exempt where the window does not name it",
    status="window",
    check=is_open,
    events=EVENTS,
)
