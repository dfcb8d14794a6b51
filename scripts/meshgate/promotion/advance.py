"""From one state of an environment to the next: the files that one event writes, from values."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from meshgate.errors import UsageError
from meshgate.model import JSONObject
from meshgate.promotion.files import below, rendered_folder, sha256, state_path
from meshgate.promotion.ledger import record_bytes
from meshgate.promotion.rendering import rendered_of
from meshgate.promotion.state import state_bytes, state_of
from meshgate.promotion.values import (
    Bypass,
    Debt,
    Effects,
    EnvironmentState,
    Event,
    GateResult,
    Hold,
    InputChange,
    Previous,
    PromotionRecord,
    Release,
    Upstream,
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a flow decides; the rest of the record follows from the state before.

    release, files, overlay  the environment's release, the whole new `rendered/<environment>` by
                             path and what it was rendered from; None: they stay
    hold                     a hold that begins; `lifts_hold` ends the one there is
    rejects                  releases that may not come again; a rollback rejects what it leaves
    debt                     what a hotfix owes (its `record` is filled in); `pays_debt` ends it
    """

    environment: str
    event: Event
    created_at: datetime.datetime
    release: Release | None = None
    files: Mapping[str, bytes] | None = None
    overlay: str = ""
    hold: Hold | None = None
    lifts_hold: bool = False
    rejects: tuple[str, ...] = ()
    debt: Debt | None = None
    pays_debt: bool = False
    changes: tuple[InputChange, ...] = ()
    effects: Effects | None = None
    gates: tuple[GateResult, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    exercised_below: tuple[str, ...] = ()
    untested_below: tuple[str, ...] = ()
    bypasses: tuple[Bypass, ...] = ()
    acknowledges: tuple[JSONObject, ...] = ()
    requested_by: JSONObject = field(default_factory=dict)
    reason: str = ""
    ticket: str = ""
    tool: JSONObject = field(default_factory=dict)


class Advance(NamedTuple):
    """The next state and its record, and all files the event writes (None: removes)."""

    state: EnvironmentState
    record: PromotionRecord
    files: dict[str, bytes | None]


def advance(
    state: EnvironmentState | None, before: Mapping[str, bytes], proposal: Proposal
) -> Advance:
    """The files of the next event.

    `before` holds the files of the branch that the state is read from: those of
    `rendered/<environment>` are compared, and removed where the event does not write them. Raises
    UsageError for an event that needs a state, a release or files and has none.
    """
    _check(state, proposal)
    environment = proposal.environment
    own = below(before, rendered_folder(environment))
    new = own if proposal.files is None else dict(proposal.files)
    record = _record(state, own, new, proposal)
    content = record_bytes(record)
    after = state_of(record, sha256(content))
    files: dict[str, bytes | None] = {
        path: new.get(path) for path in own.keys() | new if own.get(path) != new.get(path)
    }
    files[record.path] = content
    files[state_path(environment)] = state_bytes(after)
    return Advance(after, record, dict(sorted(files.items())))


def _record(
    state: EnvironmentState | None,
    own: Mapping[str, bytes],
    new: Mapping[str, bytes],
    proposal: Proposal,
) -> PromotionRecord:
    environment = proposal.environment
    release = proposal.release or _release(state)
    rendered = (
        rendered_of(environment, new, proposal.overlay)
        if proposal.files is not None or state is None
        else state.rendered
    )
    record = PromotionRecord(
        environment=environment,
        sequence=state.sequence + 1 if state else 1,
        event=proposal.event,
        release=release.id,
        alias=release.alias,
        source=release.source,
        rendered=rendered,
        previous=Previous(state.sequence, state.release, state.record_sha256) if state else None,
        previous_tree=state.rendered.tree if state else None,
        added=tuple(sorted(new.keys() - own.keys())),
        changed=tuple(sorted(path for path in new.keys() & own if new[path] != own[path])),
        removed=tuple(sorted(own.keys() - new.keys())),
        changes=proposal.changes,
        effects=proposal.effects,
        gates=proposal.gates,
        upstream=proposal.upstream,
        exercised_below=proposal.exercised_below,
        untested_below=proposal.untested_below,
        bypasses=proposal.bypasses,
        acknowledges=proposal.acknowledges,
        requested_by=proposal.requested_by,
        reason=proposal.reason,
        ticket=proposal.ticket,
        tool=proposal.tool,
        created_at=proposal.created_at.replace(microsecond=0),
        rollback_command=_rollback(state, proposal),
        hold=_hold(state, proposal),
        rejected=_rejected(state, proposal),
    )
    return dataclasses.replace(record, debt=_debt(state, proposal, record.path))


def _check(state: EnvironmentState | None, proposal: Proposal) -> None:
    """Raise for a proposal that no flow may make."""
    event = proposal.event
    name = f"{event} {proposal.environment}"
    if state is None and event is not Event.ADOPT:
        raise UsageError(
            f"{proposal.environment} has no state",
            why="The first record of an environment tells what its clusters sync.",
            hint=f"meshgate adopt {proposal.environment}",
        )
    if event.changes_render and (proposal.release is None or not proposal.files):
        raise UsageError(
            f"{name}: there is no release, or it renders to nothing",
            why="An empty folder would delete every policy of the environment.",
        )
    if not event.changes_render and (proposal.release or proposal.files is not None):
        raise UsageError(f"{name} does not change what is rendered")
    if event in {Event.HOLD, Event.ROLLBACK} and proposal.hold is None:
        raise UsageError(f"{name}: there is no hold", why="It is what keeps the next release out.")


def _release(state: EnvironmentState | None) -> Release:
    assert state is not None
    return Release(state.release, state.alias, state.source)


def _hold(state: EnvironmentState | None, proposal: Proposal) -> Hold | None:
    if proposal.hold is not None:
        return proposal.hold
    if proposal.event is Event.RESUME or proposal.lifts_hold or state is None:
        return None
    return state.hold


def _rejected(state: EnvironmentState | None, proposal: Proposal) -> tuple[str, ...]:
    found = [*(state.rejected if state else ()), *proposal.rejects]
    new = proposal.release.id if proposal.release else None
    if state and proposal.event is Event.ROLLBACK and state.release != new:
        found.append(state.release)
    return tuple(dict.fromkeys(found))


def _debt(state: EnvironmentState | None, proposal: Proposal, path: str) -> Debt | None:
    if proposal.debt is not None:
        return dataclasses.replace(proposal.debt, record=proposal.debt.record or path)
    return None if proposal.pays_debt or state is None else state.debt


def _rollback(state: EnvironmentState | None, proposal: Proposal) -> str:
    if state is None or not proposal.event.changes_render:
        return ""
    return f"meshgate rollback {proposal.environment} --to {state.sequence} --reason REASON"
