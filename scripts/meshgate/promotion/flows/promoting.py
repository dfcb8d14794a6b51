"""Promote: the newest release that may come, as a pull request."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from meshgate.errors import NothingToPromoteError, RefusedError
from meshgate.promotion.advance import Proposal
from meshgate.promotion.flows.choosing import chosen, rejected
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made, make, refuse, shrinks
from meshgate.promotion.flows.proposing import Opened, propose
from meshgate.promotion.flows.superseding import close, others, supersede
from meshgate.promotion.guards.debt import finding, lacking
from meshgate.promotion.release import changes
from meshgate.promotion.rendering import tool
from meshgate.promotion.values import Bypass, EnvironmentState, Event

SHRINKS = "resources"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of a promotion.

    release    an id, alias or commit; empty: the newest that may come
    resources  how many resources are accepted to be left, where many go; None: not said
    forgive    why what an open hotfix set is no longer owed; empty: it is
    """

    release: str = ""
    resources: int | None = None
    forgive: str = ""
    reason: str = ""


def planned(ground: Ground, name: str, wish: Wish) -> Made:
    """The commit that a promotion would push, with all that guards and gates say of it.

    Raises NothingToPromoteError where there is none, UsageError for a wrong name, RefusedError for
    a render that lost too much.
    """
    policy, state = ground.adopted(name)
    release = chosen(ground, policy, state, wish.release)
    files = ground.render(policy, release)
    before = ground.rendered(name)
    if files == before:
        raise NothingToPromoteError(
            f"{release.alias} ({release.id}) changes nothing in {name}",
            why="What it renders to is what the clusters have. Its place in the order counts.",
        )
    bare = Proposal(
        environment=name,
        event=Event.PROMOTE,
        created_at=ground.now,
        release=release,
        files=files,
        overlay=policy.overlay,
        changes=changes(ground.repository, state.source.commit, release.source.commit),
        bypasses=_shrinking(ground, name, files, wish),
        requested_by=ground.setting.requested_by,
        reason=wish.reason or wish.forgive,
        tool=tool(ground.repository, release.source.commit),
    )
    return make(ground, state, _paying(ground, state, bare, wish))


def promote(
    ground: Ground, name: str, wish: Wish, *, refresh: bool = False, again: bool = False
) -> Opened:
    """The pull request of the next release, and older ones closed.

    Raises as `planned` does, and RefusedError where a guard refuses: then nothing is pushed.
    """
    tidy(ground, name)
    made = planned(ground, name, wish)
    refuse(made)
    _refuse_older(ground, made, wish)
    return supersede(ground, propose(ground, made, refresh=refresh, again=again))


def tidy(ground: Ground, name: str) -> None:
    """Close the open promotions of releases that were rejected here or in an environment before."""
    gone = rejected(ground, ground.policy.pinned(name))
    for pull in others(ground, name):
        release = pull.head.rpartition("/")[2]
        if release in gone:
            close(ground, pull, f"{release} was rejected since; `meshgate status` tells where.")


def _paying(ground: Ground, state: EnvironmentState, bare: Proposal, wish: Wish) -> Proposal:
    """The promotion, and what becomes of the debt of a hotfix.

    It ends where the render has all its values, or where what it lacks is given up on purpose.
    """
    if state.debt is None:
        return bare
    missing = lacking(state.debt.facts, ground.objects(bare.files or {}))
    if missing and not wish.forgive:
        return bare
    forgiven = tuple(
        {"finding": finding(fact), "by": ground.setting.login, "reason": wish.forgive}
        for fact in missing
    )
    return dataclasses.replace(bare, pays_debt=True, acknowledges=forgiven)


def _shrinking(
    ground: Ground, name: str, files: Mapping[str, bytes], wish: Wish
) -> tuple[Bypass, ...]:
    """Raise RefusedError for a render that lost too much, unless exactly that is accepted."""
    before, after = len(ground.rendered(name)), len(files)
    if not shrinks(before, after):
        return ()
    if wish.resources != after or not after:
        raise RefusedError(
            f"the render of {name} has {after} resources, and had {before}",
            why="So many at once look like a patch gone wrong; clusters delete what is gone.",
            hint=f"if it is meant: --resources {after}" if after else "see `meshgate render`",
        )
    return (
        Bypass(
            gate=SHRINKS,
            by=ground.setting.login,
            reason=wish.reason or f"{after} resources of {before} are meant to be left",
        ),
    )


def _refuse_older(ground: Ground, made: Made, wish: Wish) -> None:
    """Raise NothingToPromoteError where a newer release is proposed already."""
    order = [one.id for one in ground.releases]
    record = made.advance.record
    if wish.release or record.release not in order:
        return
    for pull in others(ground, record.environment):
        release = pull.head.rpartition("/")[2]
        if release in order and order.index(release) < order.index(record.release):
            raise NothingToPromoteError(f"{pull.url} proposes a newer release already")
