"""From one state of an environment to the next: the files that one event writes, from values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from meshgate.errors import UsageError
from meshgate.promotion.environment_state import (
    EnvironmentState,
    Event,
    Hold,
    PendingBackport,
    Previous,
    Release,
)
from meshgate.promotion.files import below, rendered_folder, sha256, state_path
from meshgate.promotion.ledger import record_bytes, state_bytes, state_of
from meshgate.promotion.records import EventDetails, PromotionRecord
from meshgate.promotion.rendering import rendered_of


class RecordDraft(EventDetails, frozen=True):
    """What a command decides of an event; the rest of its record follows from the state before.

    release, files, overlay  the environment's release, the whole new `rendered/<environment>` by
                             path and what it was rendered from; None: they stay
    hold                     a hold that begins; a `resume` ends the one there is
    rejects                  releases that may not come again; a rollback rejects what it leaves
    pending_backport         what a hotfix sets that main lacks (its `record` is filled in);
                             `ends_backport` ends the one there is
    """

    environment: str
    event: Event
    created_at: datetime.datetime
    release: Release | None = None
    files: Mapping[str, bytes] | None = None
    overlay: str = ""
    hold: Hold | None = None
    rejects: tuple[str, ...] = ()
    pending_backport: PendingBackport | None = None
    ends_backport: bool = False


class Transition(NamedTuple):
    """The next state and its record, and all files the event writes (None: removes)."""

    state: EnvironmentState
    record: PromotionRecord
    files: dict[str, bytes | None]


def advance(
    state: EnvironmentState | None, before: Mapping[str, bytes], draft: RecordDraft
) -> Transition:
    """The files of the next event.

    `before` holds the files of the branch that the state is read from: those of
    `rendered/<environment>` are compared, and removed where the event does not write them. Raises
    UsageError for an event that needs a state, a release or files and has none.
    """
    _check(state, draft)
    environment = draft.environment
    own = below(before, rendered_folder(environment))
    new = own if draft.files is None else dict(draft.files)
    record = _record(state, own, new, draft)
    content = record_bytes(record)
    after = state_of(record, sha256(content))
    files: dict[str, bytes | None] = {
        path: new.get(path) for path in own.keys() | new if own.get(path) != new.get(path)
    }
    files[record.path] = content
    files[state_path(environment)] = state_bytes(after)
    return Transition(after, record, dict(sorted(files.items())))


def _record(
    state: EnvironmentState | None,
    own: Mapping[str, bytes],
    new: Mapping[str, bytes],
    draft: RecordDraft,
) -> PromotionRecord:
    environment = draft.environment
    release = draft.release or _release(state)
    rendered = (
        rendered_of(environment, new, draft.overlay)
        if draft.files is not None or state is None
        else state.rendered
    )
    record = PromotionRecord(
        environment=environment,
        sequence=state.sequence + 1 if state else 1,
        event=draft.event,
        release=release.id,
        alias=release.alias,
        source=release.source,
        rendered=rendered,
        previous=Previous(state.sequence, state.release, state.record_sha256) if state else None,
        previous_tree=state.rendered.tree if state else None,
        added=tuple(sorted(new.keys() - own.keys())),
        changed=tuple(sorted(path for path in new.keys() & own if new[path] != own[path])),
        removed=tuple(sorted(own.keys() - new.keys())),
        created_at=draft.created_at,
        rollback_command=_rollback(state, draft),
        hold=_hold(state, draft),
        rejected=_rejected(state, draft),
        **{name: getattr(draft, name) for name in EventDetails.__struct_fields__},
    )
    return structs.replace(record, pending_backport=_pending_backport(state, draft, record.path))


def _check(state: EnvironmentState | None, draft: RecordDraft) -> None:
    """Raise for a draft that no flow may make."""
    event = draft.event
    name = f"{event} {draft.environment}"
    if state is None and event is not Event.ADOPT:
        raise UsageError(
            f"{draft.environment} has no state",
            why="The first record of an environment tells what its clusters sync.",
            hint=f"meshgate adopt {draft.environment}",
        )
    if event.changes_render and (draft.release is None or not draft.files):
        raise UsageError(
            f"{name}: there is no release, or it renders to nothing",
            why="An empty folder would delete every policy of the environment.",
        )
    if not event.changes_render and (draft.release or draft.files is not None):
        raise UsageError(f"{name} does not change what is rendered")
    if event in {Event.HOLD, Event.ROLLBACK} and draft.hold is None:
        raise UsageError(f"{name}: there is no hold", why="It is what keeps the next release out.")


def _release(state: EnvironmentState | None) -> Release:
    assert state is not None
    return Release(state.release, state.alias, state.source)


def _hold(state: EnvironmentState | None, draft: RecordDraft) -> Hold | None:
    if draft.hold is not None:
        return _joined(draft.hold, state.hold if state else None, draft.created_at)
    if draft.event is Event.RESUME or state is None:
        return None
    return state.hold


def _joined(new: Hold, old: Hold | None, now: datetime.datetime) -> Hold:
    """A hold that begins while another one lasts: what either keeps out, for as long as either."""
    if old is None or (old.until is not None and old.until <= now):
        return new
    until = None if new.until is None or old.until is None else max(new.until, old.until)
    blocks = tuple(event for event in Event if event in {*new.blocks, *old.blocks})
    if (until, set(blocks)) == (new.until, set(new.blocks)):
        return new
    return structs.replace(new, until=until, blocks=blocks)


def _rejected(state: EnvironmentState | None, draft: RecordDraft) -> tuple[str, ...]:
    rejected = [*(state.rejected if state else ()), *draft.rejects]
    new = draft.release.id if draft.release else None
    if state and draft.event is Event.ROLLBACK and state.release != new:
        rejected.append(state.release)
    return tuple(dict.fromkeys(rejected))


def _pending_backport(
    state: EnvironmentState | None, draft: RecordDraft, path: str
) -> PendingBackport | None:
    if draft.pending_backport is not None:
        return structs.replace(draft.pending_backport, record=draft.pending_backport.record or path)
    return None if draft.ends_backport or state is None else state.pending_backport


def _rollback(state: EnvironmentState | None, draft: RecordDraft) -> str:
    if state is None or not draft.event.changes_render:
        return ""
    return f"meshgate rollback {draft.environment} --to {state.sequence} --reason REASON"
