"""window: the windows that apply to this environment and event are open now; deny wins."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates.gate import GateType, not_applicable, passed, waiting
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.records import GateResult
from meshgate.promotion.windows import applying, opening


def judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    """Judge the windows that the gate names; without names, all that apply."""
    windows = applying(candidate.policy.windows, candidate.policy.name, candidate.event)
    if gate.windows:
        windows = tuple(window for window in windows if window.name in gate.windows)
    if not windows:
        return not_applicable(gate, f"no window has a say in a {candidate.event}")
    answer = opening(windows, candidate.now)
    return passed(gate, answer.reason) if answer.open else waiting(gate, answer.reason)


def problems(gate: GateEntry, environment: EnvironmentPolicy) -> Iterator[str]:
    """A gate whose windows never speak of its environment."""
    covering = {
        window.name
        for window in environment.windows
        if not window.environments or environment.name in window.environments
    }
    if not covering:
        yield "has no window: none of `windows` names this environment"
    for name in gate.windows:
        if name not in covering:
            yield f"names the window {name!r}, which is not for this environment"


GATE_TYPE = GateType(
    name="window",
    status="window",
    keys=frozenset({"windows"}),
    needed=frozenset(),
    judge=judge,
    problems=problems,
    # The windows say themselves which events they are for.
    events=frozenset(Event),
)
