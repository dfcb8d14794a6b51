"""From a decision to a commit that nobody has seen yet, and what guards and gates say of it."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from meshgate.errors import RefusedError, WaitingError
from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.advance import Advance, Proposal, advance
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.effects import recorded
from meshgate.promotion.facts import facts_between
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.judging import judged_unopened
from meshgate.promotion.guards import Refusal
from meshgate.promotion.guards.unseen import unseen
from meshgate.promotion.judging import Judged
from meshgate.promotion.standing import soak
from meshgate.promotion.values import EnvironmentState, Event, Upstream
from meshgate.repository import commit_files, mainline

# A render that loses this share of its resources is taken for a mistake.
LEAST_LEFT = 0.7
_NOTHING = datetime.timedelta()


class Made(NamedTuple):
    """A commit on top of the base, not pushed; its files, and how it was judged."""

    commit: str
    advance: Advance
    before: EnvironmentState | None
    judged: Judged


def make(ground: Ground, state: EnvironmentState | None, proposal: Proposal) -> Made:
    """The commit of an event, its effects, gates and upstream in its record.

    It is judged before the record can be written whole, as the check will judge what is pushed.
    """
    draft = advance(state, ground.files, proposal)
    judged = judged_unopened(ground.base, _commit(ground, draft, proposal))
    whole = advance(state, ground.files, _completed(ground, proposal, judged))
    return Made(_commit(ground, whole, proposal), whole, state, judged)


def refuse(made: Made) -> None:
    """Raise RefusedError where a guard refuses, WaitingError where it only holds the line."""
    found = refusing(made)
    title = names.title(made.advance.record)
    if any(not refusal.waits for refusal in found):
        raise RefusedError(f"{title}: refused; nothing was pushed", why=told(found))
    if found:
        raise WaitingError(f"{title}: not now; nothing was pushed", why=told(found))


def refusing(made: Made) -> list[Refusal]:
    """The refusals that keep a pull request from being opened.

    What waits is shown in it; a hold is not waited for: its end would make the commit stale.
    """
    return [
        refusal for refusal in made.judged.refusals if not refusal.waits or refusal.guard == "PR11"
    ]


def told(refusals: Iterable[Refusal]) -> str:
    """Refusals for a person, one after the other; a hint that several share is told once."""
    lines: list[str] = []
    for (_, hint), group in itertools.groupby(refusals, key=lambda each: (each.guard, each.hint)):
        for refusal in group:
            lines.append(f"{refusal.guard} {refusal.message}")
            lines += [f"  {detail}" for detail in refusal.details]
        if hint:
            lines.append(f"  hint: {hint}")
    return "\n".join(lines)


def shrinks(before: int, after: int) -> bool:
    """Whether so many resources are lost that it looks like a patch gone wrong."""
    return after == 0 or after < before * LEAST_LEFT


def _commit(ground: Ground, made: Advance, proposal: Proposal) -> str:
    return commit_files(
        ground.repository,
        ground.base.commit,
        made.files,
        names.message(made.record, made.state),
        when=proposal.created_at,
    )


def _completed(ground: Ground, proposal: Proposal, judged: Judged) -> Proposal:
    candidate = judged.candidate
    if candidate is None:
        return proposal
    whole = dataclasses.replace(
        proposal,
        gates=judged.gates,
        upstream=upstream(candidate),
        acknowledges=(*proposal.acknowledges, *_acknowledged(candidate)),
    )
    if candidate.effect is None:
        return whole
    never, seen = coverage(candidate)
    return dataclasses.replace(
        whole,
        effects=recorded(candidate.effect, inventory(ground, proposal.environment), judged.ports),
        untested_below=never,
        exercised_below=seen,
    )


def upstream(candidate: Candidate) -> tuple[Upstream, ...]:
    """How the environments before stand."""
    found = []
    for standing in candidate.upstream:
        stayed = soak(standing, candidate.release, now=candidate.now, required=_NOTHING)
        stay = stayed.stay
        found.append(
            Upstream(
                environment=standing.environment,
                release=stay.release if stay else candidate.release,
                since=stay.since if stay else None,
                soak=stayed.length,
            )
        )
    return tuple(found)


def coverage(candidate: Candidate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that change to what no environment before has, and those that one has."""
    if not candidate.upstream or candidate.before is None or candidate.after is None:
        return (), ()
    changed = {
        f"{fact.resource}#{fact.pointer}"
        for fact in facts_between(candidate.before, candidate.after)
    }
    never = unseen(candidate)
    return tuple(never), tuple(sorted(changed - set(never)))


def inventory(ground: Ground, environment: str) -> JSONObject:
    """Which inventory an effect was judged with: git's id, and when it last changed."""
    folder = f"inventory/{environment}"
    commits = mainline(ground.repository, ground.base.commit, folder)
    return {
        "digest": ground.repository.object_id(ground.base.commit, folder),
        "at": commits[0].committed_at.strftime("%Y-%m-%d %H:%M UTC") if commits else None,
    }


def _acknowledged(candidate: Candidate) -> list[JSONObject]:
    """The accepted breaks of this release, as they were when it was proposed."""
    if candidate.event not in {Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK}:
        return []
    return [
        {
            "finding": f"breaks {accepted.breaks}",
            "by": accepted.owner,
            "reason": accepted.reason,
            "until": accepted.until.isoformat(),
        }
        for accepted in candidate.environment.acknowledgements
        if accepted.release == candidate.release and candidate.today <= accepted.until
    ]
