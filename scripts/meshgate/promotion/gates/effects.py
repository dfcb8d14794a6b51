"""effects: no more ports get weaker, and no more calls break, than the gate allows."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates.gate import GateType, failed, not_applicable, passed
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.records import GateResult


def judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    """Judge the effect of the change on this environment."""
    effect = candidate.effect
    if effect is None:
        if candidate.base.state is None:
            return not_applicable(gate, "nothing was here before: there is no change to judge")
        return failed(gate, "the effect of this change was not computed")
    counted = {"loosened": len(effect.loosened), "breaks": len(effect.breaks)}
    limits = {
        key: limit
        for key, limit in (("loosened", gate.loosened), ("breaks", gate.breaks))
        if limit is not None
    }
    over = [
        f"{counted[key]} {key}, at most {limit}"
        for key, limit in limits.items()
        if counted[key] > limit
    ]
    if over:
        return failed(gate, "; ".join(over))
    return passed(gate, ", ".join(f"{counted[key]} {key}" for key in limits))


def problems(gate: GateEntry, _environment: EnvironmentPolicy) -> Iterator[str]:
    """A gate without a limit."""
    if gate.loosened is None and gate.breaks is None:
        yield "has no limit: give it `loosened`, `breaks` or both"


GATE_TYPE = GateType(
    name="effects",
    status="effects",
    keys=frozenset({"loosened", "breaks"}),
    needed=frozenset(),
    judge=judge,
    problems=problems,
)
