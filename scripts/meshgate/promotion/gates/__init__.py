"""Gates: what a promotion waits for, one file for each type of gate."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

from msgspec import structs

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates.evidence import GATE_TYPE as EVIDENCE
from meshgate.promotion.gates.gate import GateType, not_applicable
from meshgate.promotion.gates.soak import GATE_TYPE as SOAK
from meshgate.promotion.gates.window import GATE_TYPE as WINDOW
from meshgate.promotion.records import GateResult, GateVerdict
from meshgate.promotion.status import EnvironmentStatus
from meshgate.promotion.times import duration
from meshgate.promotion.windows import applying

__all__ = [
    "BLOCKING",
    "GATED",
    "GATE_TYPES",
    "GateType",
    "asks_others",
    "asks_statuses",
    "evaluate_gates",
    "results",
    "verified",
]


def _registered() -> dict[str, GateType]:
    """The type of gate of each file in this package but `gate`, by its name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names if name != "gate"]
    return {module.GATE_TYPE.name: module.GATE_TYPE for module in modules}


GATE_TYPES: dict[str, GateType] = _registered()
BLOCKING = frozenset({GateVerdict.FAIL, GateVerdict.WAITING})
# The events that gates have a say in.
GATED = frozenset({Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK})


def asks_statuses(gates: Iterable[GateEntry]) -> bool:
    """Whether any of these gates asks the forge for the statuses of commits."""
    return any(GATE_TYPES[gate.type].asks_statuses for gate in gates)


def asks_others(gate: GateEntry) -> bool:
    """Whether a gate's verdict stands on what a forge, or somebody's evidence, said that day."""
    return asks_statuses([gate]) or bool(gate.evidence)


def evaluate_gates(candidate: Candidate) -> list[GateResult]:
    """The verdict of every gate on a candidate, bypasses named as such.

    A gate that raises is closed, and says that it did.
    """
    return [result for _, result in results(candidate)]


def results(candidate: Candidate) -> Iterator[tuple[GateEntry, GateResult]]:
    """The same, each with its gate."""
    if candidate.event not in GATED:
        return
    bypasses = {bypass.gate: bypass for bypass in candidate.record.bypasses}
    for gate in _gates(candidate):
        if candidate.event not in holds_for(gate):
            yield gate, not_applicable(gate, f"it does not hold for a {candidate.event}")
            continue
        result = _judge(gate, candidate)
        bypass = bypasses.get(gate.name)
        if bypass is not None and result.verdict in BLOCKING:
            reason = f"{bypass.by}: {bypass.reason} ({result.reason})"
            result = GateResult(gate.name, GateVerdict.BYPASSED, reason, result.evidence)
        yield gate, result


def holds_for(gate: GateEntry) -> frozenset[Event]:
    """The events that a gate has a say in: those it names, else those of its type."""
    return (
        GATE_TYPES[gate.type].events if gate.events is None else frozenset(map(Event, gate.events))
    )


def verified(candidate: Candidate, upstream: EnvironmentStatus) -> str:
    """Why what an environment has now is not proven by the evidence gates; empty: it is.

    Without such a gate nothing more than the order and the soak is asked.
    """
    alone = structs.replace(candidate, upstream=(upstream,))
    proofs = [
        _judge(gate, alone)
        for gate in candidate.gates
        if GATE_TYPES[gate.type].status == EVIDENCE.status
    ]
    return "; ".join(result.reason for result in proofs if result.verdict in BLOCKING)


def _gates(candidate: Candidate) -> Iterator[GateEntry]:
    """The gates of a candidate: those named, and what soak and windows ask without a name."""
    yield from candidate.gates
    types = {gate.type for gate in candidate.gates}
    policy = candidate.policy
    if SOAK.name not in types and policy.soak.get(candidate.event):
        yield GateEntry(name=SOAK.name, type=SOAK.name)
    covering = [gate for gate in candidate.gates if gate.type == WINDOW.name]
    named = {name for gate in covering for name in gate.windows}
    by_any = any(not gate.windows for gate in covering)
    windows = {window.name for window in applying(policy.windows, policy.name, candidate.event)}
    if windows - named and not by_any:
        yield GateEntry(name=WINDOW.name, type=WINDOW.name)


def _judge(gate: GateEntry, candidate: Candidate) -> GateResult:
    try:
        result = GATE_TYPES[gate.type].judge(gate, candidate)
    except Exception as error:  # noqa: BLE001 - a gate that fails is closed
        return GateResult(gate.name, GateVerdict.FAIL, f"it could not be judged: {error!r}")
    timeout, since = gate.timeout, candidate.record.created_at
    if result.verdict is GateVerdict.WAITING and timeout and since is not None:
        waited = candidate.now - since
        if waited > duration(timeout):
            reason = f"nothing came within {timeout}: {result.reason}"
            return GateResult(gate.name, GateVerdict.FAIL, reason, result.evidence)
    return result
