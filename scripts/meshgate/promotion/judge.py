"""Judge a commit that may be merged: what it changes, whether it promotes, what the guards say."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, structs

from meshgate.errors import IntegrityError, RepositoryError, UsageError
from meshgate.promotion.candidate import Candidate, Reviews
from meshgate.promotion.candidate_builder import CandidateBuilder
from meshgate.promotion.environment_state import RENDERING, Event
from meshgate.promotion.files import ADDED, LEDGER, STATE, FileChange, differences, ledger_folder
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.gates import evaluate_gates
from meshgate.promotion.guards import BY_ID, GUARDS, Refusal, refusals, stray_changes
from meshgate.promotion.guards.guard import Objection
from meshgate.promotion.guards.pr02_written_by_hand import GUARD as WRITTEN_BY_HAND
from meshgate.promotion.guards.pr05_broken_ledger import GUARD as BROKEN_LEDGER
from meshgate.promotion.guards.pr23_loosens_rules import GUARD as LOOSENS_RULES
from meshgate.promotion.guards.pr23_loosens_rules import (
    RuleChange,
    is_rule,
    loosened,
    rules_are_agreed,
)
from meshgate.promotion.guards.questions import MOST_SHOWN
from meshgate.promotion.ledger import read_record
from meshgate.promotion.loosenings import by_rules_before, unagreed
from meshgate.promotion.policy_reader import read_policy
from meshgate.promotion.records import GateResult, PromotionRecord
from meshgate.promotion.session import Session, baseline_at, configuration_at, rules_at
from meshgate.repository import merge_bases

# What a hold or a rejection does can only refuse more.
LIVING = RENDERING | {Event.RESUME}


class MergeVerdict(enum.StrEnum):
    """Whether a pull request may be merged; `broken`: a guard failed, which is no answer."""

    PASS = "pass"  # noqa: S105 - a verdict
    WAITING = "waiting"
    REFUSED = "refused"
    BROKEN = "broken"


class HeadJudgement(Struct, frozen=True):
    """Whether a commit may be merged to the base, and what guards and gates say of it.

    environment  None: it is no promotion
    candidate    None: as above, or `refusals` says why it cannot be judged as a promotion
    asked        the ids of the guards that were asked
    loosens      what of the rules gets looser, in plain words, whoever agreed to it
    """

    head: str
    environment: str | None
    candidate: Candidate | None
    refusals: tuple[Refusal, ...]
    gates: tuple[GateResult, ...] = ()
    asked: tuple[str, ...] = ()
    pull: PullRequest | None = None
    loosens: tuple[str, ...] = ()

    @property
    def final(self) -> tuple[Refusal, ...]:
        """The refusals that no waiting ends."""
        return tuple(refusal for refusal in self.refusals if not refusal.waits)

    @property
    def verdict(self) -> MergeVerdict:
        """The gravest of what the guards say."""
        if any(refusal.broken for refusal in self.refusals):
            return MergeVerdict.BROKEN
        if self.final:
            return MergeVerdict.REFUSED
        return MergeVerdict.WAITING if self.refusals else MergeVerdict.PASS


def judge(
    session: Session,
    head: str,
    *,
    pull: PullRequest | None = None,
    only: Collection[str] | None = None,
    is_draft: bool = False,
) -> HeadJudgement:
    """Judge the commit `head` as data: whether it may be merged to the base as that is now.

    `only` are the ids of the guards to ask; `is_draft`: its record tells no effect yet.
    Raises ToolError where the renderer is not there, and
    RepositoryError where git or the forge fails.
    """
    if session.repository.find(head) is None:
        raise RepositoryError(f"git has no commit {head}", hint="fetch the pull request's branch")
    changed = changed_files(session, head)
    name = promoted_environment(session, changed)
    if name is None:
        of_rules, loosens = _rule_refusals(session, head, changed, pull)
        objections = (*stray_changes(changed), *of_rules)
        of_any = (WRITTEN_BY_HAND.id, LOOSENS_RULES.id)
        return HeadJudgement(head, None, None, objections, asked=of_any, pull=pull, loosens=loosens)
    record = _new_record(session, head, name, changed)
    if isinstance(record, Refusal):
        return HeadJudgement(head, name, None, (record,), asked=(record.guard,), pull=pull)
    candidate = CandidateBuilder(session, head, record, changed, pull).build()
    candidate = structs.replace(candidate, is_draft=is_draft)
    asked = tuple(
        guard.id
        for guard in GUARDS
        if candidate.event in guard.events and (only is None or guard.id in only)
    )
    refused = refusals(candidate, asked)
    if LOOSENS_RULES.id in asked and candidate.event in LIVING:
        refused += _by_rules_before(session, candidate, asked, refused, pull)
    return HeadJudgement(
        head=head,
        environment=name,
        candidate=candidate,
        refusals=tuple(refused),
        gates=tuple(evaluate_gates(candidate)),
        asked=asked,
        pull=pull,
    )


def _by_rules_before(
    session: Session,
    candidate: Candidate,
    asked: Collection[str],
    known: Collection[Refusal],
    pull: PullRequest | None,
) -> Iterator[Refusal]:
    """What would be refused by the rules before they were loosened, where nobody agreed to that.

    Only what the rules of the base let pass is told: the rest is refused already.
    """
    already = {(refusal.guard, refusal.message) for refusal in known}
    by_rules = [name for name in asked if BY_ID[name].follows_rules]
    for loosening in unagreed(session, candidate.record, pull):
        try:
            earlier = by_rules_before(session, loosening)
            if candidate.name not in {policy.name for policy in earlier.policy.environments}:
                continue
            again = CandidateBuilder(
                earlier, candidate.head.commit, candidate.record, candidate.changed, pull
            ).build()
            again = structs.replace(again, is_draft=candidate.is_draft)
            stricter = [
                f"{refusal.guard} {refusal.message}"
                for refusal in refusals(again, by_rules)
                if (refusal.guard, refusal.message) not in already
            ]
        except UsageError as error:
            stricter = [f"the rules before cannot be read: {error.what}"]
        if stricter:
            who = " or ".join(loosening.teams) or "a team, and none is named"
            yield LOOSENS_RULES.refusal(
                Objection(
                    f"passes only by rules that {loosening.commit[:12]} loosened: needs approval "
                    f"of {who}",
                    "ask them for a review of this commit, or of the pull request that changed them"
                    if loosening.teams
                    else "name one in `approvals.rules.teams` of environments.yaml",
                    waits=True,
                    details=(*loosening.sentences[:MOST_SHOWN], *stricter[:MOST_SHOWN]),
                )
            )


def _rule_refusals(
    session: Session, head: str, changed: tuple[FileChange, ...], pull: PullRequest | None
) -> tuple[list[Refusal], tuple[str, ...]]:
    """What the guard of rules says of a pull request that is no promotion, and what it loosens."""
    policies = session.policy.environments
    signers = tuple(policy.allowed_signers for policy in policies if policy.allowed_signers)
    if not any(is_rule(change.path, signers) for change in changed):
        return [], ()
    teams = tuple(
        dict.fromkeys(filter(None, (policy.approvals.rules_teams for policy in policies)))
    )
    reviews = None
    if pull is not None and session.forge.hosted:
        names = tuple(dict.fromkeys(name for team in teams for name in team))
        reviews = Reviews(pull, tuple(session.forge.get_reviews(pull.number, names)))
    lefts = merge_bases(session.repository, session.commit, head)
    left = lefts[0] if len(lefts) == 1 else session.commit
    try:
        change = RuleChange(
            changed,
            rules_at(session.repository, left),
            rules_at(session.repository, head),
            signers,
            teams,
            reviews,
            (baseline_at(session.repository, left), baseline_at(session.repository, head)),
        )
    except UsageError as error:
        unread = Objection(f"its rules cannot be read: {error.what}", error.hint)
        return [LOOSENS_RULES.refusal(unread)], ()
    refused = [LOOSENS_RULES.refusal(objection) for objection in rules_are_agreed(change)]
    return refused, tuple(loosened(change))


def judge_unopened(session: Session, commit: str) -> HeadJudgement:
    """As `judge`, of a commit that has no pull request yet.

    What only people can say of an open pull request is waited for.
    """
    judgement = judge(session, commit, is_draft=True)
    candidate = judgement.candidate
    if candidate is None or not session.forge.hosted:
        return judgement
    awaited = tuple(_reviews_to_come(judgement.refusals, candidate))
    return structs.replace(judgement, refusals=awaited)


def _reviews_to_come(refusals: Iterable[Refusal], candidate: Candidate) -> Iterator[Refusal]:
    """The refusals; in place of reviews that cannot be known yet, those that will be needed."""
    for refusal in refusals:
        awaited_review = BY_ID[refusal.guard].awaited_review
        if not refusal.unknown or awaited_review is None:
            yield refusal
        elif message := awaited_review(candidate):
            yield structs.replace(
                refusal,
                message=message,
                hint="ask for a review when the pull request is open",
                waits=True,
                unknown=False,
            )


def check_rules(session: Session, head: str) -> None:
    """Raise UsageError where the rules that a pull request brings could not be promoted by."""
    read_policy(configuration_at(session.repository, head))


def changed_files(session: Session, head: str) -> tuple[FileChange, ...]:
    """What a pull request changes: the difference from where it left the base branch.

    Where there are several such places, what differs from any of them: a merge may bring it.
    """
    repository = session.repository
    new = repository.entries(head)
    changed: dict[str, FileChange] = {}
    lefts = merge_bases(repository, session.commit, head)
    for old in [repository.entries(left) for left in lefts] or [[]]:
        changed |= {change.path: change for change in differences(old, new)}
    return tuple(changed[path] for path in sorted(changed))


def promoted_environment(session: Session, changed: Iterable[FileChange]) -> str | None:
    """The environment that changes promote to, if they do.

    A new record tells it, else a changed state; of several environments the first, and the guard of
    the scope refuses the rest.
    """
    pinned = {policy.name for policy in session.policy.environments if policy.pinned}
    states = []
    for change in changed:
        folder, _, rest = change.path.removeprefix(f"{LEDGER}/").partition("/")
        if change.path.startswith(f"{LEDGER}/") and change.kind == ADDED and rest:
            if folder in pinned:
                return folder
        elif change.path.startswith(f"{STATE}/"):
            states.append(change.path.removeprefix(f"{STATE}/").removesuffix(".yaml"))
    return next((name for name in states if name in pinned), None)


def _new_record(
    session: Session, head: str, name: str, changed: Iterable[FileChange]
) -> PromotionRecord | Refusal:
    """The new record; a refusal where there is not exactly one that can be read."""
    folder = ledger_folder(name)
    added = [
        change.path for change in changed if change.path.startswith(folder) and change.kind == ADDED
    ]
    if len(added) != 1:
        return BROKEN_LEDGER.refusal(Objection(f"it adds {len(added)} records, not one"))
    content = session.repository.read(head, added[0])
    try:
        return read_record(content or b"", added[0]).record
    except IntegrityError as error:
        return BROKEN_LEDGER.refusal(Objection(error.what, details=(error.why,)))
