"""Changes of the main line that loosened rules, and to which nobody agreed who owns them.

A floor that is lowered first lets the next promotion pass, so a promotion is judged by the rules
of the base, and once more by those that were in force before each such change. Which rules it was
makes no difference: floor, gates, windows, approvals, waivers, expectations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import structs

from meshgate.config import BASELINE, Configuration
from meshgate.errors import UsageError
from meshgate.model import JSONObject
from meshgate.promotion.candidate import Reviews
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import ledger_folder
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.guards.pr23_loosens_rules import agreed, environments_loosened
from meshgate.promotion.ledger import read_ledger
from meshgate.promotion.main_line import changing, newest_additions, steps_since
from meshgate.promotion.policy import FILE
from meshgate.promotion.policy_reader import read_policy
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.session import Session, baseline_at, configuration_at, rules_at
from meshgate.wording import plural

EXCEPTIONS = ("waivers", "expectations")


class Loosening(NamedTuple):
    """A commit of the main line that loosened rules of an environment.

    before     the commit whose rules were in force until then
    files      which files of rules it changed
    sentences  what got looser, in plain words
    teams      who may agree: by the rules before; empty: nobody was named
    """

    commit: str
    before: str
    files: tuple[str, ...]
    sentences: tuple[str, ...]
    teams: tuple[str, ...]


def unagreed(
    session: Session, record: PromotionRecord, pull: PullRequest | None
) -> list[Loosening]:
    """What loosened rules on the way to a record, unless somebody who owns them agreed.

    That is a review of the pull request that changed them, or of the promotion `pull` itself.
    Without a forge, what came since the environment last got something is looked at, and since the
    release's source, which itself was judged as one change of rules and policies; with one, all
    there is since the environment named who owns its rules. What was taken back counts no more.
    """
    name = record.environment
    recent = _recent(session, record)
    pending: dict[Loosening, JSONObject] = {}
    former_owners: tuple[str, ...] = ()
    for commit in reversed(_deciding(session, name)):
        if not session.forge.hosted and (commit not in recent or commit == record.source.commit):
            continue
        after = _rules(session, name, commit)
        pending = {
            each: rules
            for each, rules in pending.items()
            if _sentences(session, name, (each.before, commit), (rules, after))
        }
        parent = session.repository.find(f"{commit}^")
        before = _rules(session, name, parent) if parent is not None else None
        if parent is None or before is None:
            continue
        owners = former_owners or _owners(before)
        sentences = _sentences(session, name, (parent, commit), (before, after))
        if not sentences or not (owners or commit in recent):
            continue
        if not _agreed(session, owners, commit, pull):
            # Who owns the rules is one of them: nobody names themselves.
            former_owners = owners
            files = tuple(_changed(session, name, parent, commit))
            pending[Loosening(commit, parent, files, sentences, owners)] = before
        elif after is not None and _owners(after) == former_owners:
            former_owners = ()
    return list(pending)


def by_rules_before(session: Session, loosening: Loosening) -> Session:
    """The session with the files of rules that it changed as they were before it.

    All else stays the base's, also what is known to run: other changes are judged for themselves.
    Raises UsageError where these rules cannot be read any more.
    """
    configuration = configuration_at(
        session.repository, session.commit, dict.fromkeys(loosening.files, loosening.before)
    )
    if not session.forge.hosted:
        configuration = _with_acknowledgements(configuration, session.configuration)
    return dataclasses.replace(
        session, configuration=configuration, policy=read_policy(configuration)
    )


def _with_acknowledgements(rules: Configuration, base: Configuration) -> Configuration:
    """The rules with what is acknowledged now.

    An acknowledgement names one release and exactly what breaks in it, so that it can only be
    written after its source. Where nobody can be asked who agreed to it, it is taken as written.
    """
    now = {each.name: each.acknowledgements for each in base.environments}
    environments = tuple(
        structs.replace(each, acknowledgements=now.get(each.name, ()))
        for each in rules.environments
    )
    return structs.replace(rules, environments=environments)


def _files(environment: str) -> tuple[str, ...]:
    """The files that hold rules of an environment, besides what is known to run there."""
    return (FILE, BASELINE, *(f"{folder}/{environment}.yaml" for folder in EXCEPTIONS))


def _deciding(session: Session, environment: str) -> list[str]:
    """The commits of the main line that may have changed rules of an environment, newest first."""
    paths = _files(environment)
    return [commit.sha for commit in changing(session.repository, session.commit, *paths)]


def _changed(session: Session, environment: str, parent: str, commit: str) -> Iterator[str]:
    for path in _files(environment):
        was, becomes = (session.repository.object_id(each, path) for each in (parent, commit))
        if was != becomes:
            yield path


def _recent(session: Session, record: PromotionRecord) -> frozenset[str]:
    """The steps since the environment last got something, and since the release's source.

    A rollback's source is as old as what it goes back to, and a hotfix begins where its environment
    is: by then its rules had been in force.
    """
    starts = set(_last_brought(session, record.environment))
    if record.event in {Event.PROMOTE, Event.ADOPT}:
        starts.add(record.source.commit)
    known = [start for start in starts if session.repository.find(start) is not None]
    return frozenset(
        commit
        for start in known
        for commit in steps_since(session.repository, session.commit, start)
    )


def _last_brought(session: Session, environment: str) -> Iterator[str]:
    """The commit that last brought the environment something: a hold does not count."""
    folder = ledger_folder(environment)
    brought = newest_additions(session.repository, session.commit, folder)
    for recorded in reversed(read_ledger(session.files, environment)):
        record = recorded.record
        if record.event.changes_render and record.path in brought:
            yield brought[record.path]
            return


def _rules(session: Session, environment: str, commit: str) -> JSONObject | None:
    """environments.yaml of a commit without the other environments; None: it cannot be read."""
    try:
        document = rules_at(session.repository, commit)
    except UsageError:
        return None
    entries = document.get("environments")
    entries = entries if isinstance(entries, list) else []
    own = [entry for entry in entries if isinstance(entry, dict) and entry["name"] == environment]
    return {**document, "environments": own}


def _owners(rules: JSONObject) -> tuple[str, ...]:
    for entry in rules["environments"]:
        return tuple(((entry.get("approvals") or {}).get("rules") or {}).get("teams") or ())
    return ()


def _sentences(
    session: Session,
    environment: str,
    commits: tuple[str, str],
    rules: tuple[JSONObject, JSONObject | None],
) -> tuple[str, ...]:
    """What gets looser from one commit to the other."""
    before, after = rules
    if after is None:
        return (f"{FILE} cannot be read",)
    sentences = list(environments_loosened(before, after))
    for folder in EXCEPTIONS:
        path = f"{folder}/{environment}.yaml"
        was, becomes = (session.repository.object_id(commit, path) for commit in commits)
        # Without a waiver less is accepted; without an expectation less is asked.
        if was != becomes and not (folder == "waivers" and becomes is None):
            sentences.append(f"{path} is changed")
    if before["environments"]:
        sentences += _taken_in(session, environment, commits)
    return tuple(sentences)


def _taken_in(session: Session, environment: str, commits: tuple[str, str]) -> Iterator[str]:
    """What the baseline of an environment that was there before takes in beside what it had."""
    try:
        was, becomes = (baseline_at(session.repository, commit, environment) for commit in commits)
    except UsageError:
        yield f"{BASELINE} cannot be read"
        return
    if becomes - was:
        yield f"{BASELINE} takes in {plural(len(becomes - was), 'finding')} more"


def _agreed(
    session: Session, teams: tuple[str, ...], commit: str, promotion: PullRequest | None
) -> bool:
    """Whether one of the teams agreed to a change of rules, or to the promotion as it is."""
    if not teams or not session.forge.hosted:
        return False
    if promotion is not None and _approve(session, promotion, teams):
        return True
    brought = session.forge.brought(commit)
    return (
        brought is not None and brought.base == session.main and _approve(session, brought, teams)
    )


def _approve(session: Session, pull: PullRequest, teams: tuple[str, ...]) -> bool:
    return agreed(Reviews(pull, tuple(session.forge.get_reviews(pull.number, teams))), teams)
