"""PR08, PR09, PR10: what is waited for: time, evidence, an open window."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates import BLOCKING, GATE_TYPES, GATED, results
from meshgate.promotion.guards.guard import FORWARD, Guard, Objection
from meshgate.promotion.records import GateVerdict


def closed(candidate: Candidate, status: str) -> Iterator[Objection]:
    """An objection for each gate that shows in this commit status and is not open."""
    for gate, result in results(candidate):
        if GATE_TYPES[gate.type].status == status and result.verdict in BLOCKING:
            waits = result.verdict is GateVerdict.WAITING
            yield Objection(f"{result.name}: {result.reason}", waits=waits)


def has_soaked(candidate: Candidate) -> Iterator[Objection]:
    """PR08."""
    yield from closed(candidate, SOAKED.status)


def has_evidence(candidate: Candidate) -> Iterator[Objection]:
    """PR09."""
    yield from closed(candidate, PROVEN.status)


def is_open(candidate: Candidate) -> Iterator[Objection]:
    """PR10."""
    yield from closed(candidate, OPEN.status)


SOAKED = Guard(
    id="PR08",
    name="not-soaked",
    summary="the release has not stayed long enough in the environments before this one",
    why="What breaks by the hour, the day or the batch of the night shows only in time.",
    hint="wait; `meshgate status` shows when it is done",
    status="soak",
    check=has_soaked,
    events=GATED,
    by_files=False,
    shown_as_gate=True,
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
    by_files=False,
    shown_as_gate=True,
)
OPEN = Guard(
    id="PR10",
    name="window-closed",
    summary="no window is open for this event now",
    why="A green check from yesterday must not merge into today's freeze.",
    hint="wait until it opens; a rollback is exempt where the window does not name it",
    status="window",
    check=is_open,
    events=GATED,
    by_files=False,
    shown_as_gate=True,
)
