"""Somebody trusted has seen that the release does well."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.guards.questions import closed_gates


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the gates of types evidence and commit-status."""
    yield from closed_gates(candidate, GUARD.status)


GUARD = Guard(
    id="PR09",
    name="no-evidence",
    summary="evidence is missing, too old, of other content, or from somebody not trusted",
    why="Argo CD and Flux call a policy healthy when the object exists; only traffic tells.",
    hint="wait for the probe, or `meshgate evidence add`; a bypass is recorded",
    status="evidence",
    check=check,
    events=FORWARD,
    by_files=False,
    shown_as_gate=True,
)
