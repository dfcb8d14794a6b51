"""Hold, resume, reject: move the line, and nothing in a cluster."""

from __future__ import annotations

import datetime

from meshgate.errors import NothingToPromoteError, UsageError
from meshgate.promotion.advance import Proposal
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made, make
from meshgate.promotion.rendering import tool
from meshgate.promotion.values import Event, Hold

STOPS = (Event.PROMOTE, Event.HOTFIX)


def hold(
    ground: Ground,
    name: str,
    *,
    reason: str,
    until: datetime.datetime | None = None,
    blocks: tuple[Event, ...] = STOPS,
) -> Made:
    """The commit that holds an environment. Raises NothingToPromoteError where it is held so."""
    _, state = ground.adopted(name)
    there = state.hold
    if there and (there.reason, there.until, there.blocks) == (reason, until, blocks):
        raise NothingToPromoteError(f"{name} is held already, for that reason")
    if until is not None and until <= ground.now:
        raise UsageError(f"a hold until {until.isoformat()} would be over already")
    proposal = Proposal(
        environment=name,
        event=Event.HOLD,
        created_at=ground.now,
        hold=Hold(
            since=ground.now.replace(microsecond=0),
            by=ground.setting.login,
            reason=reason,
            until=until,
            blocks=blocks,
        ),
        requested_by=ground.setting.requested_by,
        tool=tool(ground.repository, ground.base.commit),
        reason=reason,
    )
    return make(ground, state, proposal)


def resume(ground: Ground, name: str, *, reason: str) -> Made:
    """The commit that ends a hold. Raises NothingToPromoteError where there is none."""
    _, state = ground.adopted(name)
    if state.hold is None:
        raise NothingToPromoteError(f"{name} is not held")
    proposal = Proposal(
        environment=name,
        event=Event.RESUME,
        created_at=ground.now,
        lifts_hold=True,
        requested_by=ground.setting.requested_by,
        tool=tool(ground.repository, ground.base.commit),
        reason=reason,
    )
    return make(ground, state, proposal)


def reject(ground: Ground, release: str, *, reason: str, name: str = "") -> Made:
    """The commit that refuses a release in an environment and in all that come after it.

    By default in the first pinned environment: nothing then passes it.
    """
    pinned = [one.name for one in ground.policy.environments if one.pinned]
    if not pinned:
        raise UsageError("no environment is pinned, so there is none that could reject a release")
    _, state = ground.adopted(name or pinned[0])
    found = ground.releases.find(release)
    if found.id in state.rejected:
        raise NothingToPromoteError(f"{state.environment} has rejected {found.id} already")
    proposal = Proposal(
        environment=state.environment,
        event=Event.REJECT,
        created_at=ground.now,
        rejects=(found.id,),
        requested_by=ground.setting.requested_by,
        tool=tool(ground.repository, ground.base.commit),
        reason=f"{found.alias} ({found.id}): {reason}",
    )
    return make(ground, state, proposal)
