"""The types of gates: how a named wait of environments.yaml is checked and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from meshgate.model import GateEntry
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD, Event
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.records import GateEvidence, GateResult, GateVerdict


class GateType(Struct, frozen=True):
    """How gates of one type are checked and judged.

    keys     the settings it reads; another type's key would say something that nobody hears
    needed   the settings it cannot do without
    problems what is wrong with a gate in an environment, in words; nothing where all is well
    judge    its verdict on a promotion
    status   the commit status that it shows in, below `promotion/`
    events   what it holds for unless a gate's own `events` say otherwise. A rollback is the way out
             of an incident: nothing that a release waits for stands in its way
    asks_statuses  it asks the forge for the statuses of commits before this environment
    """

    name: str
    status: str
    keys: frozenset[str]
    needed: frozenset[str]
    judge: Callable[[GateEntry, Candidate], GateResult]
    problems: Callable[[GateEntry, EnvironmentPolicy], Iterable[str]]
    asks_statuses: bool = False
    events: frozenset[Event] = FORWARD


def passed(gate: GateEntry, reason: str, evidence: Iterable[GateEvidence] = ()) -> GateResult:
    """The gate is open."""
    return GateResult(gate.name, GateVerdict.PASS, reason, tuple(evidence))


def failed(gate: GateEntry, reason: str, evidence: Iterable[GateEvidence] = ()) -> GateResult:
    """The gate is closed, and waiting will not open it."""
    return GateResult(gate.name, GateVerdict.FAIL, reason, tuple(evidence))


def waiting(gate: GateEntry, reason: str, evidence: Iterable[GateEvidence] = ()) -> GateResult:
    """The gate is closed, and time or somebody's word will open it."""
    return GateResult(gate.name, GateVerdict.WAITING, reason, tuple(evidence))


def not_applicable(gate: GateEntry, reason: str) -> GateResult:
    """The gate asks what cannot be asked here, and says why."""
    return GateResult(gate.name, GateVerdict.NOT_APPLICABLE, reason)


def nothing_wrong(_gate: GateEntry, _environment: EnvironmentPolicy) -> Iterator[str]:
    """No gate of this type can be wrong in an environment."""
    yield from ()


def across(gate: GateEntry, results: Iterable[GateResult], *, all_of: bool) -> GateResult:
    """One verdict over the environments before this one: all of them pass, or any one does."""
    ordered = list(results)
    order = [GateVerdict.FAIL, GateVerdict.WAITING, GateVerdict.NOT_APPLICABLE, GateVerdict.PASS]
    if not ordered:
        return not_applicable(gate, "no environment comes before this one")
    ordered.sort(key=lambda result: order.index(result.verdict), reverse=not all_of)
    worst = ordered[0].verdict
    shown = ordered if all_of else [result for result in ordered if result.verdict is worst]
    return GateResult(
        gate.name,
        worst,
        "; ".join(result.reason for result in shown),
        tuple(item for result in shown for item in result.evidence),
    )
