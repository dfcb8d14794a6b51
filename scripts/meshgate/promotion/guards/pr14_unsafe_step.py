"""No step is too large: calls work also while a change spreads from proxy to proxy."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from meshgate.effect import Effect
from meshgate.effect.changes import PortChange
from meshgate.mesh import Mode
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING, Event
from meshgate.promotion.guards.guard import Guard, Objection
from meshgate.promotion.guards.questions import MOST_SHOWN, effect_of
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.times import format_duration
from meshgate.wording import agree, plural


def check(candidate: Candidate) -> Iterator[Objection]:
    """Look for DISABLE that becomes STRICT, calls that may fail meanwhile, and too short a soak."""
    effect = effect_of(candidate)
    if effect is None:
        return
    jumps = [
        port
        for port in effect.tightened
        if port.before.mode is Mode.DISABLE and port.after.mode is Mode.STRICT
    ]
    if jumps:
        go = agree(len(jumps), "goes", "go")
        yield Objection(
            f"{plural(len(jumps), 'port')} {go} from DISABLE to STRICT in one step",
            details=tuple(map(str, jumps[:MOST_SHOWN])),
        )
    unsafe = [call for call in effect.unsafe if call.decided]
    if unsafe:
        calls = plural(sum(call.count for call in unsafe), "call")
        yield Objection(
            f"{calls} may fail while the change spreads",
            details=tuple(
                f"{call.host}:{call.port}: {call.combination}" for call in unsafe[:MOST_SHOWN]
            ),
        )
    yield from _too_soon(candidate, effect)


def _too_soon(candidate: Candidate, effect: Effect) -> Iterator[Objection]:
    """PERMISSIVE that followed DISABLE must have been here as long as a release soaks."""
    required = candidate.policy.soak.get(Event.PROMOTE, datetime.timedelta())
    for port in effect.tightened:
        if port.before.mode is not Mode.PERMISSIVE or port.after.mode is not Mode.STRICT:
            continue
        since = _permissive_since(candidate, port)
        if since is not None and candidate.now - since < required:
            soaked = format_duration(candidate.now - since)
            yield Objection(
                f"{port} is PERMISSIVE for {soaked} only, of {format_duration(required)}",
                "wait: clients that send plaintext show only in time",
                waits=True,
            )


def _permissive_since(candidate: Candidate, port: PortChange) -> datetime.datetime | None:
    """When the port came from DISABLE to PERMISSIVE, as the ledger tells; None: it did not."""
    for record in reversed(candidate.base.records):
        for port_entry in record.effects.tightened if record.effects else ():
            same = (port_entry.get("namespace"), port_entry.get("workload"), port_entry.get("port"))
            if same == (port.namespace, port.workload.name, port.port):
                before = port_entry.get("before", {}).get("mode")
                return _merged_at(candidate, record) if before == "DISABLE" else None
    return None


def _merged_at(candidate: Candidate, record: PromotionRecord) -> datetime.datetime:
    """When a record was merged; the moment of judgement where that is not known."""
    for deployment in candidate.status.deployments if candidate.status else ():
        if deployment.tree == record.rendered.tree and deployment.release == record.release:
            return deployment.since
    return candidate.now


GUARD = Guard(
    id="PR14",
    name="unsafe-step",
    summary="DISABLE becomes STRICT in one step, or calls may fail while the change spreads",
    why="Proxies take a change one by one. Between the first and the last, old clients meet new "
    "servers, and only PERMISSIVE takes both.",
    hint="`meshgate steps` proposes the way: PERMISSIVE first, and STRICT when that has soaked",
    status="effects",
    awaits="PERMISSIVE to soak",
    check=check,
    events=RENDERING,
)
