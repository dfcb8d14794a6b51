"""Record: what is known after a merge only, frozen in annotated tags."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import NamedTuple

from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.files import ledger_folder
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.ledger import Recorded, read_ledger
from meshgate.promotion.main_line import newest_additions
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.session import Session
from meshgate.promotion.times import rfc3339
from meshgate.repository import MovedError, fetch, mainline, push_tag, tag

VERSION = 1


class CreatedTag(NamedTuple):
    """A tag that this run made: of a record, or of the release it brought."""

    name: str
    commit: str


def record(
    session: Session, environments: Sequence[str] = ()
) -> tuple[list[CreatedTag], list[str]]:
    """Tag every record on the base that has no tag yet; what was tagged, and what failed.

    What failed is merged and valid nevertheless; the next run tries it again. Tags on a wrong
    commit are left to `misplaced_tags`.
    """
    if session.remote:
        # What the remote has counts: a tag may have been repaired from another clone.
        fetch(session.repository, "+refs/tags/*:refs/tags/*")
    tags: list[CreatedTag] = []
    effort = BestEffort()
    for policy in session.policy.environments:
        if not policy.pinned or (environments and policy.name not in environments):
            continue
        folder = ledger_folder(policy.name)
        merged = newest_additions(session.repository, session.commit, folder)
        for recorded in read_ledger(session.files, policy.name):
            name = names.tag(policy.name, recorded.record.sequence)
            with effort.attempt(f"the tag {name}"):
                tags += _tag(session, recorded, name, merged[recorded.record.path])
    return tags, effort.reasons


def _tag(session: Session, recorded: Recorded, name: str, merged: str) -> list[CreatedTag]:
    repository, record = session.repository, recorded.record
    tags = []
    if repository.find(f"refs/tags/{name}") is None:
        tag(repository, name, merged, message_of(session, recorded, merged))
        tags.append(CreatedTag(name, merged))
    if repository.resolve(f"refs/tags/{name}") == merged:
        _publish(session, name, merged)
    mark = names.release_tag(record.release)
    if record.event.changes_render and repository.find(record.source.commit) is not None:
        if repository.find(f"refs/tags/{mark}") is None:
            tag(repository, mark, record.source.commit, release_message(record))
            tags.append(CreatedTag(mark, record.source.commit))
        if repository.resolve(f"refs/tags/{mark}") == record.source.commit:
            _publish(session, mark, record.source.commit)
    return tags


def message_of(session: Session, recorded: Recorded, merged: str) -> str:
    """What the tag of a record says: a title, and the approvals as JSON."""
    text = json.dumps(approvals(session, recorded, merged), indent=1, sort_keys=True)
    return f"{names.title(recorded.record)}\n\n{text}\n"


def release_message(record: PromotionRecord) -> str:
    """What the tag of a release says."""
    return f"{record.release} ({record.alias})\n"


def _publish(session: Session, name: str, commit: str) -> None:
    """Push a tag; that another run pushed one for the same commit is as good."""
    if not session.remote:
        return
    try:
        push_tag(session.repository, name)
    except MovedError:
        fetch(session.repository, f"+refs/tags/{name}:refs/tags/{name}")
        if session.repository.resolve(f"refs/tags/{name}") != commit:
            raise


def approvals(session: Session, recorded: Recorded, merged: str) -> JSONObject:
    """What a tag says: the merge, the pull request, and who approved which commit of it."""
    record = recorded.record
    pull = pull_request_of(session, names.branch(record), merged)
    return {
        "version": VERSION,
        "environment": record.environment,
        "sequence": record.sequence,
        "event": str(record.event),
        "release": record.release,
        "record": record.path,
        "recordSha256": recorded.sha256,
        "renderedTree": record.rendered.tree,
        "mergeCommit": merged,
        "mergedAt": rfc3339(
            pull.merged_at if pull and pull.merged_at else _committed(session, merged)
        ),
        "pullRequest": None
        if pull is None
        else {
            "number": pull.number,
            "url": pull.url,
            "head": pull.head_sha,
            "author": pull.author,
            "mergedBy": pull.merged_by,
        },
        "approvals": [
            {"login": review.login, "commit": review.commit, "at": rfc3339(review.at)}
            for review in (session.forge.get_reviews(pull.number) if pull else ())
            if review.state == "approved"
        ],
    }


def _committed(session: Session, commit: str) -> datetime.datetime:
    return mainline(session.repository, commit)[0].committed_at


def pull_request_of(session: Session, branch: str, merged: str) -> PullRequest | None:
    """The pull request that brought a commit; of several merged ones the newest."""
    closed = session.forge.closed(branch, session.main)
    merged_pulls = [pull for pull in closed if pull.state == "merged"]
    exact = [pull for pull in merged_pulls if pull.merge_commit == merged]
    return next(iter([*exact, *merged_pulls]), None)
