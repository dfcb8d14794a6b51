"""Hotfix: a repair that skips environments, and what it owes to main until main has it."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from meshgate.errors import NothingToPromoteError, RefusedError, UsageError
from meshgate.promotion import names
from meshgate.promotion.advance import Proposal
from meshgate.promotion.facts import facts_between
from meshgate.promotion.flows.choosing import passed_in
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made, make, refuse
from meshgate.promotion.flows.proposing import Opened, propose
from meshgate.promotion.release import changes
from meshgate.promotion.rendering import tool
from meshgate.promotion.values import Bypass, Debt, EnvironmentState, Event, Fact, Release
from meshgate.repository import merge_base, push_tag, tag


class Repair(NamedTuple):
    """What the command line says of a hotfix.

    start   the branch or commit with the repair, made on the environment's own source
    linked  the pull request that brings the same to main; empty: the open one of that branch
    due     when main must have it
    """

    start: str
    reason: str
    ticket: str
    due: datetime.date
    linked: str = ""


def repaired(ground: Ground, name: str, repair: Repair) -> tuple[Made, tuple[str, ...]]:
    """The commit of a hotfix, and what the reviewer must know.

    Raises UsageError where the repair is not made on the environment's source, RefusedError where
    no pull request brings it to main, NothingToPromoteError where it changes nothing.
    """
    policy, state = ground.adopted(name)
    release = _release(ground, state, repair)
    linked, notes = _linked(ground, repair)
    files = ground.render(policy, release)
    before = ground.rendered(name)
    if files == before:
        raise NothingToPromoteError(f"{repair.start} changes nothing in {name}")
    facts = facts_between(ground.objects(before), ground.objects(files))
    bypasses = tuple(
        Bypass(below, ground.setting.login, repair.reason, repair.ticket)
        for below in policy.after
        if not passed_in(ground, ground.policy.of(below), release)
    )
    proposal = Proposal(
        environment=name,
        event=Event.HOTFIX,
        created_at=ground.now,
        release=release,
        files=files,
        overlay=policy.overlay,
        debt=Debt(record="", facts=_owed(state, facts), due=repair.due),
        changes=changes(ground.repository, state.source.commit, release.source.commit),
        bypasses=bypasses,
        requested_by=ground.setting.requested_by,
        reason=f"{repair.reason} (main: {linked})",
        ticket=repair.ticket,
        tool=tool(ground.repository, release.source.commit),
    )
    return make(ground, state, proposal), notes


def hotfix(ground: Ground, name: str, repair: Repair, *, refresh: bool = False) -> Opened:
    """The pull request of a hotfix; a tag keeps its release from being forgotten."""
    made, notes = repaired(ground, name, repair)
    refuse(made)
    record = made.advance.record
    mark = names.release_tag(record.release)
    tag(ground.repository, mark, record.source.commit, f"{record.release}: hotfix of {name}\n")
    if ground.remote:
        push_tag(ground.repository, mark)
    return propose(ground, made, refresh=refresh, again=True, notes=notes)


def _release(ground: Ground, state: EnvironmentState, repair: Repair) -> Release:
    repository, name = ground.repository, state.environment
    commit = repository.find(f"refs/remotes/origin/{repair.start}") or repository.resolve(
        repair.start
    )
    if merge_base(repository, state.source.commit, commit) != state.source.commit:
        raise UsageError(
            f"{repair.start} is not made on what {name} has",
            why=f"A hotfix starts from {state.source.commit[:12]}, the source of {state.alias}: "
            "all else would come along unseen.",
            hint=f"git switch -c hotfix/{name}/SLUG {state.source.commit[:12]}",
        )
    release = ground.releases.at(commit)
    if release.id == state.release:
        raise NothingToPromoteError(f"{repair.start} changes no input of {name}")
    return release


def _linked(ground: Ground, repair: Repair) -> tuple[str, tuple[str, ...]]:
    """The pull request that brings the repair to main, and a warning while it is not merged."""
    forge, base = ground.forge, ground.main
    if repair.linked.isdecimal() and forge.hosted:
        pull = forge.get(int(repair.linked))
    elif repair.linked:
        return repair.linked, ()
    else:
        found = forge.find_open(repair.start, base)
        if found is None:
            merged = [one for one in forge.closed(repair.start, base) if one.state == "merged"]
            found = merged[0] if merged else None
        if found is None:
            raise RefusedError(
                f"no pull request brings {repair.start} to {base}; nothing was pushed",
                why="A repair that main never gets is undone by the next promotion.",
                hint=f"open one from {repair.start} to {base}, or name it: --main-pr NUMBER",
            )
        pull = found
    if pull.state == "closed":
        raise RefusedError(f"{pull.url}, which was to bring the repair to {base}, is closed")
    notes = () if pull.state == "merged" else (f"{pull.url} brings it to {base}: not merged yet",)
    return pull.url, notes


def _owed(state: EnvironmentState, new: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The facts of this hotfix, and those of an earlier one that it does not change."""
    told = {(fact.resource, fact.pointer) for fact in new}
    earlier = state.debt.facts if state.debt else ()
    kept = tuple(fact for fact in earlier if (fact.resource, fact.pointer) not in told)
    return tuple(sorted((*kept, *new), key=lambda fact: (fact.resource, fact.pointer)))
