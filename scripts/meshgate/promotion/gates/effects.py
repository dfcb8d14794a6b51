"""effects: no more ports get weaker, and no more calls break, than the gate allows."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates.gate import GateType, failed, not_applicable, passed
from meshgate.promotion.policy import EnvironmentPolicy, Gate
from meshgate.promotion.records import GateResult


def judge(gate: Gate, candidate: Candidate) -> GateResult:
    """Judge the effect of the change on this environment."""
    effect = candidate.effect
    if effect is None:
        if candidate.base.state is None:
            return not_applicable(gate, "nothing was here before: there is no change to judge")
        return failed(gate, "the effect of this change was not computed")
    counted = {"loosened": len(effect.loosened), "breaks": len(effect.breaks)}
    limits = {key: gate.settings[key] for key in counted if key in gate.settings}
    over = [
        f"{counted[key]} {key}, at most {limit}"
        for key, limit in limits.items()
        if counted[key] > limit
    ]
    if over:
        return failed(gate, "; ".join(over))
    return passed(gate, ", ".join(f"{counted[key]} {key}" for key in limits))


def problems(gate: Gate, _environment: EnvironmentPolicy) -> Iterator[str]:
    """A gate without a limit."""
    if not {"loosened", "breaks"} & set(gate.settings):
        yield "has no limit: give it `loosened`, `breaks` or both"


EFFECTS = GateType(
    name="effects",
    status="effects",
    keys=frozenset({"loosened", "breaks"}),
    needed=frozenset(),
    judge=judge,
    problems=problems,
)
