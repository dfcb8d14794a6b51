"""Adopt: the first record of an environment, or one that starts its line anew after a fault."""

from __future__ import annotations

from meshgate.errors import NothingToPromoteError, UsageError
from meshgate.promotion.advance import Proposal
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made, make
from meshgate.promotion.rendering import tool
from meshgate.promotion.values import Event


def adopt(
    ground: Ground, name: str, *, release: str = "", reason: str = "", again: bool = False
) -> Made:
    """The commit that gives an environment a state, from a release of main (default: the newest).

    Raises NothingToPromoteError where it has one, unless it is adopted `again`: the files are then
    made anew from the source, whatever somebody wrote into them, and the record says why. The
    state itself must be readable: what the chain says is never given up.
    """
    policy, state = ground.policy.pinned(name), ground.state(name)
    if state is not None and not again:
        raise NothingToPromoteError(
            f"{name} is adopted already: it has {state.alias} ({state.release}), "
            f"event {state.sequence}",
            hint=f"`meshgate promote {name}` brings a newer release; after a hand edit, "
            f"`meshgate adopt {name} --again --reason REASON` makes its files anew",
        )
    if state is not None and not reason:
        raise UsageError(
            f"{name} is adopted already, and no reason is given to do it again",
            hint="--reason TEXT; it is recorded",
        )
    wanted = release or (state.source.commit if state is not None else "")
    found = ground.releases.find(wanted) if wanted else ground.releases.newest()
    proposal = Proposal(
        environment=name,
        event=Event.ADOPT,
        created_at=ground.now,
        release=found,
        files=ground.render(policy, found),
        overlay=policy.overlay,
        requested_by=ground.setting.requested_by,
        reason=reason,
        tool=tool(ground.repository, found.source.commit),
    )
    return make(ground, state, proposal)
