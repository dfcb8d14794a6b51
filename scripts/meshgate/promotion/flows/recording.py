"""Record: what is known after a merge only, frozen in annotated tags."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import NamedTuple

from meshgate.errors import RepositoryError
from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.codec import moment
from meshgate.promotion.files import ledger_folder
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.forges import PullRequest
from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.ledger import Recorded, read_ledger
from meshgate.repository import MovedError, additions, fetch, mainline, push_tag, tag

VERSION = 1


class Tagged(NamedTuple):
    """A tag that this run made: of a record, or of the release it brought."""

    name: str
    commit: str


def record(ground: Ground, environments: Sequence[str] = ()) -> tuple[list[Tagged], list[str]]:
    """Tag every record on the base that has no tag yet; what was tagged, and what failed.

    What failed is merged and valid nevertheless; the next run tries it again.
    """
    if ground.remote:
        fetch(ground.repository, "refs/tags/*:refs/tags/*")
    found: list[Tagged] = []
    effort = BestEffort()
    for policy in ground.policy.environments:
        if not policy.pinned or (environments and policy.name not in environments):
            continue
        folder = ledger_folder(policy.name)
        merged = additions(ground.repository, ground.base.commit, folder)
        for recorded in read_ledger(ground.files, policy.name):
            name = names.tag(policy.name, recorded.record.sequence)
            with effort.attempt(f"the tag {name}"):
                found += _tagged(ground, recorded, name, merged[recorded.record.path])
    return found, effort.reasons


def _tagged(ground: Ground, recorded: Recorded, name: str, merged: str) -> list[Tagged]:
    repository, told = ground.repository, recorded.record
    found = []
    if repository.find(f"refs/tags/{name}") is None:
        text = json.dumps(approvals(ground, recorded, merged), indent=1, sort_keys=True)
        tag(repository, name, merged, f"{names.title(told)}\n\n{text}\n")
        found.append(Tagged(name, merged))
    elif repository.resolve(f"refs/tags/{name}") != merged:
        raise RepositoryError(
            f"the tag {name} is on another commit than the one that brought {told.path}",
            hint=f"find out who moved it: git show {name}",
        )
    _publish(ground, name, merged)
    mark = names.release_tag(told.release)
    if told.event.changes_render and repository.find(told.source.commit) is not None:
        if repository.find(f"refs/tags/{mark}") is None:
            tag(repository, mark, told.source.commit, f"{told.release} ({told.alias})\n")
            found.append(Tagged(mark, told.source.commit))
        _publish(ground, mark, told.source.commit)
    return found


def _publish(ground: Ground, name: str, commit: str) -> None:
    """Push a tag; that another run pushed one for the same commit is as good."""
    if not ground.remote:
        return
    try:
        push_tag(ground.repository, name)
    except MovedError:
        fetch(ground.repository, f"+refs/tags/{name}:refs/tags/{name}")
        if ground.repository.resolve(f"refs/tags/{name}") != commit:
            raise


def approvals(ground: Ground, recorded: Recorded, merged: str) -> JSONObject:
    """What a tag says: the merge, the pull request, and who approved which commit of it."""
    told = recorded.record
    pull = _pull(ground, names.branch(told), merged)
    return {
        "version": VERSION,
        "environment": told.environment,
        "sequence": told.sequence,
        "event": str(told.event),
        "release": told.release,
        "record": told.path,
        "recordSha256": recorded.sha256,
        "renderedTree": told.rendered.tree,
        "mergeCommit": merged,
        "mergedAt": moment(
            pull.merged_at if pull and pull.merged_at else _committed(ground, merged)
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
            {"login": review.login, "commit": review.commit, "at": moment(review.at)}
            for review in (ground.forge.get_reviews(pull.number) if pull else ())
            if review.state == "approved"
        ],
    }


def _committed(ground: Ground, commit: str) -> datetime.datetime:
    return mainline(ground.repository, commit)[0].committed_at


def _pull(ground: Ground, branch: str, merged: str) -> PullRequest | None:
    """The pull request that brought a commit; of several merged ones the newest."""
    closed = ground.forge.closed(branch, ground.main)
    there = [pull for pull in closed if pull.state == "merged"]
    exact = [pull for pull in there if pull.merge_commit == merged]
    return next(iter([*exact, *there]), None)
