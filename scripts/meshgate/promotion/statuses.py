"""Judge open pull requests again, and tell the forge: statuses, labels, and what is over.

What was green may not stay so: a window closes, an environment before is rolled back, an approval
is for an earlier commit. Every run judges anew and posts what it finds; nothing is remembered.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import structs

from meshgate.errors import MeshgateError
from meshgate.promotion import names
from meshgate.promotion.environment_state import Event
from meshgate.promotion.forges import CommitStatus, Forge, PullRequest, StatusState
from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.gates import GATE_TYPES
from meshgate.promotion.guards import BY_ID, GUARDS, Refusal
from meshgate.promotion.guards.guard import Objection
from meshgate.promotion.guards.pr09_no_evidence import GUARD as NO_EVIDENCE
from meshgate.promotion.guards.pr23_loosens_rules import GUARD as LOOSENS_RULES
from meshgate.promotion.judge import HeadJudgement, judge
from meshgate.promotion.records import GateResult
from meshgate.promotion.session import Session
from meshgate.promotion.times import format_duration
from meshgate.report.escape import markdown as md
from meshgate.report.escape.terminal import clip, plain
from meshgate.repository import moment
from meshgate.wording import plural

AGGREGATE = "gate"
# Which of the comments on a pull request is the one on rules.
RULES = "<!-- meshgate-rules -->"
MOST_LOOSENED = 40
PREFIX = "promotion/"
# Each concern once; what only the aggregate says is in none.
STATUSES = tuple(
    name
    for name in dict.fromkeys(
        [*(guard.status for guard in GUARDS), *(gate.status for gate in GATE_TYPES.values())]
    )
    if name != AGGREGATE
)
# GitHub takes 140 characters, GitLab and Gitea 255.
DESCRIPTION = 140


class ExpectedCheck(NamedTuple):
    """A check that another workflow runs; with no reporter, whoever posts it is believed."""

    context: str
    reporter: str = ""


class ExpectedChecks(NamedTuple):
    """Checks that must be green, and how soon they should start."""

    checks: tuple[ExpectedCheck, ...] = ()
    within: datetime.timedelta = datetime.timedelta(minutes=15)


class PostedJudgement(NamedTuple):
    """One pull request after a run: the judgement, and what could not be posted to the forge."""

    judgement: HeadJudgement
    degraded: tuple[str, ...] = ()
    closed: bool = False


class FailedJudgement(NamedTuple):
    """A pull request that could not be judged: its status says so, and it never passes."""

    pull: PullRequest
    error: MeshgateError


def gate(
    session: Session, pull: PullRequest, expected: ExpectedChecks
) -> PostedJudgement | FailedJudgement:
    """Judge one pull request and post what is found; the session has the forge."""
    forge = session.forge
    effort = BestEffort()
    try:
        judgement = judge(session, pull.head_sha, pull=pull)
        missing = list(_missing(session, forge, pull, expected))
    except MeshgateError as error:
        _post(forge, pull.head_sha, [_failure(error)], effort)
        return FailedJudgement(pull, error)
    judgement = structs.replace(judgement, refusals=(*judgement.refusals, *missing))
    _label(forge, pull, judgement, effort)
    if judgement.loosens:
        with effort.attempt("the comment on changed rules"):
            forge.comment_sticky(pull.number, RULES, rules_comment(judgement))
    _post(forge, pull.head_sha, statuses(judgement), effort)
    closed = _close_rejected(forge, pull, judgement, effort)
    return PostedJudgement(judgement, tuple(effort.reasons), closed)


def rules_comment(judgement: HeadJudgement) -> str:
    """What a pull request changes of the rules, and whose word it needs, for its page."""
    waited = [refusal for refusal in judgement.refusals if refusal.guard == LOOSENS_RULES.id]
    lines = [
        RULES,
        f"### {plural(len(judgement.loosens), 'change')} of the rules",
        "",
        "Every pull request after this one would be judged by them:",
        "",
        *(f"- {md.prose(sentence)}" for sentence in judgement.loosens[:MOST_LOOSENED]),
    ]
    if len(judgement.loosens) > MOST_LOOSENED:
        lines.append(f"- and {len(judgement.loosens) - MOST_LOOSENED} more")
    if waited:
        lines += ["", *(f":hourglass: {md.prose(refusal.message)}" for refusal in waited)]
    else:
        lines += ["", ":white_check_mark: The teams that own the rules agreed to this commit."]
    return "\n".join([*lines, "", f"At {judgement.head[:12]}. {LOOSENS_RULES.hint}."])


def statuses(judgement: HeadJudgement) -> Iterator[CommitStatus]:
    """What is posted on the head commit: one status for each concern, and the one that counts.

    What is no promotion gets the latter only, so that it can be required of every pull request.
    """
    for name in STATUSES if judgement.environment is not None else ():
        refusals = [
            refusal for refusal in judgement.refusals if BY_ID[refusal.guard].status == name
        ]
        yield _status(name, refusals, _why_open(name, judgement))
    ok = "no guard refuses" + (", every gate is open" if judgement.environment is not None else "")
    yield _status(AGGREGATE, judgement.refusals, ok)


def _status(name: str, refusals: Sequence[Refusal], ok: str) -> CommitStatus:
    if not refusals:
        return _commit_status(name, StatusState.SUCCESS, ok)
    final = [refusal for refusal in refusals if not refusal.waits]
    shown = (final or refusals)[0]
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    state = StatusState.FAILURE if final else StatusState.PENDING
    return _commit_status(name, state, f"{shown.guard} {shown.message}{more}")


def _why_open(name: str, judgement: HeadJudgement) -> str:
    candidate = judgement.candidate
    types = {gate.name: gate.type for gate in candidate.gates} if candidate is not None else {}

    def is_of(result: GateResult) -> bool:
        # A gate that no configuration names is called by its type.
        return GATE_TYPES[types.get(result.name, result.name)].status == name

    # A gate's own reason says more than "passed".
    return "; ".join(result.reason for result in judgement.gates if is_of(result)) or "passed"


def _commit_status(name: str, state: StatusState, description: str) -> CommitStatus:
    return CommitStatus(PREFIX + name, state, clip(plain(description), DESCRIPTION))


def _failure(error: MeshgateError) -> CommitStatus:
    return _commit_status(AGGREGATE, StatusState.FAILURE, f"not judged: {error.what}")


def _post(forge: Forge, sha: str, wanted: Iterable[CommitStatus], effort: BestEffort) -> None:
    for status in wanted:
        with effort.attempt(f"the status {status.context}"):
            forge.set_status(sha, status)


def _label(forge: Forge, pull: PullRequest, judgement: HeadJudgement, effort: BestEffort) -> None:
    """Set again the labels that an earlier run could not, or that somebody took away."""
    if judgement.candidate is None:
        return
    wanted = names.labels(judgement.candidate.record)
    if not set(wanted) <= set(pull.labels):
        with effort.attempt("labels"):
            forge.set_labels(pull.number, wanted)


def _missing(
    session: Session, forge: Forge, pull: PullRequest, expected: ExpectedChecks
) -> Iterator[Refusal]:
    """Checks that are not green. One that never starts is never green."""
    if not expected.checks:
        return
    posted = forge.get_statuses(pull.head_sha)
    age = session.now - _committed_at(session, pull.head_sha)
    for check in expected.checks:
        named = [status for status in posted if status.context == check.context]
        own = [status for status in named if check.reporter in ("", status.reporter)]
        for objection in _not_green(check, named, own, age, expected.within):
            yield NO_EVIDENCE.refusal(objection)


def _not_green(
    check: ExpectedCheck,
    named: Sequence[CommitStatus],
    own: Sequence[CommitStatus],
    age: datetime.timedelta,
    within: datetime.timedelta,
) -> Iterator[Objection]:
    """Why a check is not green: by all statuses of its name, and those that count."""
    name = f"the check {check.context}"
    if not own and named:
        others = ", ".join(sorted({status.reporter or "nobody" for status in named}))
        yield Objection(
            f"{name} is told by {others}, and only {check.reporter}'s word counts",
            "find out who posted it; anybody who may push may post a status",
            waits=True,
        )
    elif not own and age > within:
        yield Objection(
            f"{name} has not started for {format_duration(age)}",
            "a pull request that was opened with the workflow's own token (GITHUB_TOKEN) "
            "starts no workflow: open it with an App's, or close and open it again",
            waits=True,
        )
    elif not own or own[0].state is StatusState.PENDING:
        state = "is not done" if own else "has not started yet"
        yield Objection(f"{name} {state}", "wait for it", waits=True)
    elif own[0].state is not StatusState.SUCCESS:
        yield Objection(f"{name} failed", "mend what it tells; its log is beside its status")


def _committed_at(session: Session, sha: str) -> datetime.datetime:
    seconds = session.repository.run("show", "--no-patch", "--format=%ct", sha)
    return moment(seconds)


def _close_rejected(
    forge: Forge, pull: PullRequest, judgement: HeadJudgement, effort: BestEffort
) -> bool:
    """Close a promotion whose release was rejected meanwhile: it can never be merged."""
    candidate = judgement.candidate
    if candidate is None or candidate.event not in {Event.PROMOTE, Event.HOTFIX}:
        return False
    own = candidate.base.state.rejected if candidate.base.state is not None else ()
    rejecting = [
        name
        for name, rejected in {candidate.name: own, **candidate.rejecting}.items()
        if candidate.release in rejected
    ]
    if not rejecting:
        return False
    with effort.attempt(f"closing {pull.number}"):
        forge.set_labels(pull.number, (*names.labels(candidate.record), names.SUPERSEDED))
        forge.close(
            pull.number,
            f"{candidate.release} was rejected in {' and '.join(rejecting)}; promote a release "
            "that mends it.",
        )
    return True
