"""GitLab's answers as the values that all forges share."""

from __future__ import annotations

from collections.abc import Sequence

from meshgate.model import JSONObject
from meshgate.promotion.forge.answers import NOT_YET, moment, number, sha, text
from meshgate.promotion.forge.forge import CommitStatus, PullRequest, Review, StatusState

STATES = {"opened": "open", "locked": "open"}
# What GitLab is still looking at, and what it cannot merge for want of a rebase.
UNKNOWN = frozenset({"unchecked", "checking", "preparing", "approvals_syncing", "need_rebase"})
# A commit status is a job to GitLab; any end but success is none.
ENDED = frozenset({"failed", "canceled", "canceling", "skipped"})


def merge_request(answer: JSONObject) -> PullRequest:
    """A merge request."""
    said = text(answer, "state")
    state = STATES.get(said, said)
    head = sha(answer, "sha")
    mergeable = None
    if state == "open" and text(answer, "detailed_merge_status") not in UNKNOWN:
        mergeable = not answer.get("has_conflicts")
    # A fast-forward makes no commit: the head itself is on the base then.
    made = text(answer, "merge_commit_sha") or text(answer, "squash_commit_sha") or head
    return PullRequest(
        number=number(answer, "iid"),
        url=text(answer, "web_url"),
        head=text(answer, "source_branch"),
        head_sha=head,
        base=text(answer, "target_branch"),
        title=text(answer, "title"),
        body=text(answer, "description"),
        author=text(answer, "author", "username"),
        state=state,
        labels=tuple(answer.get("labels") or ()),
        mergeable=mergeable,
        merge_commit=made if state == "merged" else None,
        merged_by=text(answer, "merge_user", "username") or None,
        merged_at=moment(text(answer, "merged_at")),
        auto_merge=bool(answer.get("merge_when_pipeline_succeeds")),
        fork=answer.get("source_project_id") != answer.get("target_project_id"),
    )


def commit_status(entry: JSONObject) -> CommitStatus:
    """A job or an external status."""
    said = text(entry, "status")
    state = StatusState.FAILURE if said in ENDED else StatusState.PENDING
    return CommitStatus(
        text(entry, "name"),
        StatusState.SUCCESS if said == "success" else state,
        text(entry, "description"),
        text(entry, "target_url"),
        moment(text(entry, "finished_at") or text(entry, "created_at")),
        text(entry, "author", "username"),
    )


def approval(entry: JSONObject, versions: Sequence[JSONObject]) -> Review:
    """An approval, at the commit that was the head when it was given.

    GitLab does not say which commit was approved: it is the head of the newest version made by
    then. Servers before 18 tell no time, and so approve no commit.
    """
    at = moment(text(entry, "approved_at"))
    commit = ""
    for version in sorted(versions, key=lambda version: number(version, "id")):
        made = moment(text(version, "created_at"))
        if at and made and made <= at:
            commit = sha(version, "head_commit_sha")
    return Review(text(entry, "user", "username"), "approved", commit, at or NOT_YET)


def refusal(entry: JSONObject) -> Review:
    """A reviewer who asked for changes."""
    at = moment(text(entry, "created_at")) or NOT_YET
    return Review(text(entry, "user", "username"), "changes-requested", "", at)
