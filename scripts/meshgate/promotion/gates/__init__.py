"""Gates: what a promotion waits for. One module for each type; GATE_TYPES is all of them."""

from __future__ import annotations

from meshgate.promotion.gates.commit_status import COMMIT_STATUS
from meshgate.promotion.gates.effects import EFFECTS
from meshgate.promotion.gates.evidence import EVIDENCE
from meshgate.promotion.gates.gate import Gate, GateType
from meshgate.promotion.gates.soak import SOAK
from meshgate.promotion.gates.window import WINDOW

__all__ = ["GATE_TYPES", "Gate", "GateType"]

GATE_TYPES: dict[str, GateType] = {
    one.name: one for one in (SOAK, WINDOW, COMMIT_STATUS, EVIDENCE, EFFECTS)
}
