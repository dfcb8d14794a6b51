"""effects: no more ports get weaker, calls break or requests get in than the gate allows.

Breaks that the owners of the exceptions accepted, as exactly this set of exactly this release, are
not counted: PR13 tells how to accept them, and a gate that stayed closed would make that advice
useless. What policies perhaps let in, or perhaps deny, counts as if they did.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import Change
from meshgate.model import GateEntry
from meshgate.promotion.acceptance import acknowledged
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.gates.gate import GateType, failed, not_applicable, passed
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.records import GateResult

# What a gate may limit.
COUNTED = ("loosened", "breaks", "opened", "closed")


def judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    """Judge the effect of the change on this environment."""
    effect = candidate.effect
    if effect is None:
        if candidate.base.state is None:
            return not_applicable(gate, "nothing was here before: there is no change to judge")
        return failed(gate, "the effect of this change was not computed")
    breaks = sum(each.count for each in effect.breaks)
    accepted = breaks > 0 and acknowledged(candidate, effect.breaks_digest)
    counted = {
        "loosened": len(effect.loosened),
        "breaks": 0 if accepted else breaks,
        "opened": sum(each.count for each in effect.perhaps(Change.OPENED)),
        "closed": sum(each.count for each in effect.perhaps(Change.CLOSED)),
    }
    limits = {key: limit for key in COUNTED if (limit := getattr(gate, key)) is not None}
    over = [
        f"{counted[key]} {key}, at most {limit}"
        for key, limit in limits.items()
        if counted[key] > limit
    ]
    if over:
        return failed(gate, "; ".join(over))
    summary = ", ".join(f"{counted[key]} {key}" for key in limits)
    if accepted and gate.breaks is not None:
        # As groups of clients: so they are acknowledged, and so records tell them.
        summary += f" beside {len(effect.breaks)} that waivers/{candidate.name}.yaml accepts"
    return passed(gate, summary)


def problems(gate: GateEntry, _environment: EnvironmentPolicy) -> Iterator[str]:
    """A gate without a limit."""
    if all(getattr(gate, key) is None for key in COUNTED):
        yield "has no limit: give it `loosened`, `breaks`, `opened` or `closed`"


GATE_TYPE = GateType(
    name="effects",
    status="effects",
    keys=frozenset(COUNTED),
    needed=frozenset(),
    judge=judge,
    problems=problems,
)
