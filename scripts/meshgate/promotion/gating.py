"""Judge open pull requests again, and tell the forge: statuses, labels, and what is over.

What was green may not stay so: a window closes, an environment before is rolled back, an approval
is for an earlier commit. Every run judges anew and posts what it finds; nothing is remembered.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from meshgate.errors import MeshgateError
from meshgate.promotion import names
from meshgate.promotion.base import Base
from meshgate.promotion.durations import told
from meshgate.promotion.forges import CommitStatus, Forge, PullRequest, StatusState
from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.guards import GUARDS, Refusal
from meshgate.promotion.judging import Judged, judge
from meshgate.promotion.values import Event, GateResult
from meshgate.report.escape.terminal import clip, plain

AGGREGATE = "gate"
PREFIX = "promotion/"
STATUSES = ("scope", "reproducible", "order", "soak", "window", "effects", "evidence")
STATUS_OF = {guard.id: guard.status for guard in GUARDS}
# A gate's own reason says more than "passed".
GATE_STATUS = {
    "soak": "soak",
    "window": "window",
    "evidence": "evidence",
    "commit-status": "evidence",
    "effects": "effects",
}
# GitHub takes 140 characters, GitLab and Gitea 255.
DESCRIPTION = 140


class Expected(NamedTuple):
    """Checks that other workflows run on every pull request, and how soon they should start."""

    contexts: tuple[str, ...] = ()
    within: datetime.timedelta = datetime.timedelta(minutes=15)


class Gated(NamedTuple):
    """One pull request after a run: what was found, and what could not be told to the forge."""

    judged: Judged
    degraded: tuple[str, ...] = ()
    closed: bool = False


class Failed(NamedTuple):
    """A pull request that could not be judged: it is told so, and never passes."""

    pull: PullRequest
    error: MeshgateError


def gate(base: Base, pull: PullRequest, expected: Expected) -> Gated | Failed:
    """Judge one pull request and post what is found; `base` has the forge."""
    forge = base.forge
    assert forge is not None
    effort = BestEffort()
    try:
        judged = judge(base, pull.head_sha, pull=pull)
        missing = list(_missing(base, forge, pull, expected))
    except MeshgateError as error:
        _post(forge, pull.head_sha, [_failure(error)], effort)
        return Failed(pull, error)
    judged = dataclasses.replace(judged, refusals=(*judged.refusals, *missing))
    _label(forge, pull, judged, effort)
    _post(forge, pull.head_sha, statuses(judged), effort)
    closed = _close_rejected(forge, pull, judged, effort)
    return Gated(judged, tuple(effort.reasons), closed)


def statuses(judged: Judged) -> Iterator[CommitStatus]:
    """What is posted on the head commit: one status for each concern, and the one that counts.

    What is no promotion gets the latter only, so that it can be required of every pull request.
    """
    for name in STATUSES if judged.environment is not None else ():
        found = [one for one in judged.refusals if STATUS_OF.get(one.guard) == name]
        yield _status(name, found, _why_open(name, judged))
    ok = "no guard refuses" + (", every gate is open" if judged.environment is not None else "")
    yield _status(AGGREGATE, judged.refusals, ok)


def _status(name: str, found: Sequence[Refusal], ok: str) -> CommitStatus:
    if not found:
        return _told(name, StatusState.SUCCESS, ok)
    final = [refusal for refusal in found if not refusal.waits]
    shown = (final or found)[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    state = StatusState.FAILURE if final else StatusState.PENDING
    return _told(name, state, f"{shown.guard} {shown.message}{more}")


def _why_open(name: str, judged: Judged) -> str:
    candidate = judged.candidate
    types = {gate.name: gate.type for gate in candidate.gates} if candidate is not None else {}

    def is_of(result: GateResult) -> bool:
        return GATE_STATUS.get(types.get(result.name, result.name)) == name

    return "; ".join(result.reason for result in judged.gates if is_of(result)) or "passed"


def _told(name: str, state: StatusState, description: str) -> CommitStatus:
    return CommitStatus(PREFIX + name, state, clip(plain(description), DESCRIPTION))


def _failure(error: MeshgateError) -> CommitStatus:
    return _told(AGGREGATE, StatusState.FAILURE, f"not judged: {error.what}")


def _post(forge: Forge, sha: str, wanted: Iterable[CommitStatus], effort: BestEffort) -> None:
    for status in wanted:
        with effort.attempt(f"the status {status.context}"):
            forge.set_status(sha, status)


def _label(forge: Forge, pull: PullRequest, judged: Judged, effort: BestEffort) -> None:
    """Set again the labels that an earlier run could not, or that somebody took away."""
    if judged.candidate is None:
        return
    wanted = names.labels(judged.candidate.record)
    if not set(wanted) <= set(pull.labels):
        with effort.attempt("labels"):
            forge.set_labels(pull.number, wanted)


def _missing(base: Base, forge: Forge, pull: PullRequest, expected: Expected) -> Iterator[Refusal]:
    """Checks that should have started by now. A check that never starts is never green."""
    if not expected.contexts:
        return
    there = {status.context for status in forge.get_statuses(pull.head_sha)}
    age = base.now - _committed_at(base, pull.head_sha)
    for context in expected.contexts:
        if context not in there and age > expected.within:
            yield Refusal(
                "PR09",
                "no-evidence",
                f"the check {context} has not started for {told(age)}",
                "a pull request that was opened with the workflow's own token (GITHUB_TOKEN) "
                "starts no workflow: open it with an App's, or close and open it again",
                waits=True,
            )


def _committed_at(base: Base, sha: str) -> datetime.datetime:
    seconds = base.repository.run("show", "--no-patch", "--format=%ct", sha)
    return datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC)


def _close_rejected(forge: Forge, pull: PullRequest, judged: Judged, effort: BestEffort) -> bool:
    """Close a promotion whose release was rejected meanwhile: it can never be merged."""
    candidate = judged.candidate
    if candidate is None or candidate.event not in {Event.PROMOTE, Event.HOTFIX}:
        return False
    own = candidate.base.state.rejected if candidate.base.state is not None else ()
    where = [
        name
        for name, rejected in {candidate.name: own, **candidate.rejecting}.items()
        if candidate.release in rejected
    ]
    if not where:
        return False
    with effort.attempt(f"closing {pull.number}"):
        forge.set_labels(pull.number, (*names.labels(candidate.record), names.SUPERSEDED))
        forge.close(
            pull.number,
            f"{candidate.release} was rejected in {' and '.join(where)}; promote a release that "
            "mends it.",
        )
    return True
