"""GitLab, in the cloud or on a server of one's own."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from functools import cached_property
from urllib.parse import quote

from msgspec.structs import replace

from meshgate.errors import RepositoryError
from meshgate.model import JSON, JSONObject
from meshgate.promotion.forges.forge import (
    CommitStatus,
    Draft,
    ForgeRefusedError,
    Merged,
    NoDifferenceError,
    PullRequest,
    Review,
    StatusState,
)
from meshgate.promotion.forges.http import ApiDialect, HttpApi
from meshgate.promotion.forges.labels import labels_wanted
from meshgate.promotion.forges.responses import (
    NOT_YET,
    careful,
    made_by,
    moment,
    sha,
    shortened,
    text,
)
from meshgate.promotion.forges.responses import number as number_at
from meshgate.promotion.forges.retry import merge_pinned, open_or_adopt
from meshgate.promotion.forges.settings import ForgeSettings
from meshgate.report.budget import LIMITS

PUBLIC = "https://gitlab.com"
# As a bearer: PRIVATE-TOKEN is no header that clients know to keep to themselves.
DIALECT = ApiDialect(
    "GitLab", ("per_page", 100), lambda answer, _: bool(answer.headers.get("X-Next-Page"))
)
NOT_FOUND = 404
DESCRIPTION_LIMIT = 255
POSTED = {
    StatusState.PENDING: "pending",
    StatusState.SUCCESS: "success",
    StatusState.FAILURE: "failed",
}
STATES = {"opened": "open", "locked": "open"}
# What GitLab is still looking at, and what it cannot merge for want of a rebase.
UNKNOWN = frozenset({"unchecked", "checking", "preparing", "approvals_syncing", "need_rebase"})
# A commit status is a job to GitLab; any end but success is none.
ENDED = frozenset({"failed", "canceled", "canceling", "skipped"})


def connect(settings: ForgeSettings) -> GitLabForge:
    """The forge at MESHGATE_FORGE_URL, or gitlab.com."""
    complete = settings.required(PUBLIC)
    return GitLabForge(HttpApi(f"{complete.url}/api/v4", complete.token, DIALECT), complete.project)


@careful
class GitLabForge:
    """A project `group/name`; its pull requests are called merge requests."""

    name = "gitlab"
    hosted = True
    body_limit = LIMITS["gitlab"]

    def __init__(self, api: HttpApi, project: str) -> None:
        self.api = api
        self.project = f"projects/{quote(project, safe='')}"

    @cached_property
    def _login(self) -> str:
        return text(self.api.ask("GET", "user"), "username")

    def login(self) -> str:
        return self._login

    def clock_ahead(self) -> datetime.timedelta | None:
        return self.api.clock_ahead

    def find_open(self, head: str, base: str) -> PullRequest | None:
        return next(self._listed(state="opened", target_branch=base, source_branch=head), None)

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:
        listed = self._listed(state="opened", target_branch=base)
        return [pull for pull in listed if pull.head.startswith(prefix)]

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:
        listed = self._listed(state="all", target_branch=base, source_branch=head)
        return sorted(
            (pull for pull in listed if pull.state != "open"), key=lambda pull: -pull.number
        )

    def get(self, number: int) -> PullRequest:
        return _merge_request(self.api.ask("GET", self._path(number)))

    def brought(self, commit: str) -> PullRequest | None:
        path = f"{self.project}/repository/commits/{quote(commit, safe='')}/merge_requests"
        return made_by(map(_merge_request, self.api.pages(path)), commit)

    def create(self, draft: Draft) -> PullRequest:
        return open_or_adopt(self, draft, lambda: self._open(draft))

    def update(self, number: int, *, title: str, body: str) -> None:
        pull = self.get(number)
        if (pull.title, pull.body) != (title, body):
            self.api.ask("PUT", self._path(number), {"title": title, "description": body})

    def close(self, number: int, comment: str = "") -> None:
        if self.get(number).state != "open":
            return
        if comment:
            self.api.ask("POST", f"{self._path(number)}/notes", {"body": comment})
        self.api.ask("PUT", self._path(number), {"state_event": "close"})

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        notes = f"{self._path(number)}/notes"
        for note in self.api.pages(notes, sort="asc"):
            posted = text(note, "body")
            if marker in posted and text(note, "author", "username") == self.login():
                if posted != body:
                    self.api.ask("PUT", f"{notes}/{number_at(note, 'id')}", {"body": body})
                return
        self.api.ask("POST", notes, {"body": body})

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        present = self.get(number).labels
        wanted = labels_wanted(present, labels)
        if set(wanted) != set(present):
            # What the project lacks, GitLab makes.
            self.api.ask("PUT", self._path(number), {"labels": ",".join(wanted)})

    def set_status(self, sha: str, status: CommitStatus) -> None:
        description = shortened(status.description, DESCRIPTION_LIMIT)
        wanted = (status.state, description, status.url)
        for before in self.get_statuses(sha):
            if before.context == status.context:
                if (before.state, before.description, before.url) == wanted:
                    return
                if before.state == status.state == StatusState.PENDING:
                    # It refuses `pending` over what is pending: that one is ended first. A run
                    # that dies between leaves it canceled, which is no success either.
                    self._post(sha, status.context, "canceled", "", "")
                break
        self._post(sha, status.context, POSTED[status.state], description, status.url)

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        listed = self.api.pages(f"{self.project}/repository/commits/{quote(sha, safe='')}/statuses")
        entries = sorted(listed, key=lambda entry: number_at(entry, "id"))
        return list({text(entry, "name"): _commit_status(entry) for entry in entries}.values())

    def get_reviews(self, number: int, teams: Sequence[str] = ()) -> Sequence[Review]:
        approved = self.api.ask("GET", f"{self._path(number)}/approvals")["approved_by"]
        versions = list(self.api.pages(f"{self._path(number)}/versions")) if approved else []
        reviews = {}
        ids = {}
        for entry in approved:
            review = _approval(entry, versions)
            reviews[review.login] = review
            ids[review.login] = number_at(entry["user"], "id")
        for entry in self.api.pages(f"{self._path(number)}/reviewers"):
            if text(entry, "state") == "requested_changes":
                review = _refusal(entry)
                reviews[review.login] = review
                ids[review.login] = number_at(entry["user"], "id")
        return [
            replace(review, teams=tuple(team for team in teams if self._in_team(team, ids[login])))
            for login, review in reviews.items()
        ]

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:
        """As in the protocol. How a merge is made is the project's setting; `rebase` needs `ff`.

        A rebase by GitLab makes other commits than those that were judged.
        """
        if method == "rebase":
            setting = text(self.api.ask("GET", self.project), "merge_method")
            if setting != "ff":
                raise RepositoryError(
                    f"GitLab cannot merge {number} by rebase at a pinned commit",
                    why=f"the project's merge method is {setting!r}",
                    hint="merge with `merge` or `squash`, or set it to fast-forward merge",
                )
        body: JSONObject = {"sha": head_sha, "should_remove_source_branch": False}
        if method == "squash":
            body |= {"squash": True, "squash_commit_message": message}
        else:
            body |= {"squash": False, "merge_commit_message": message}
        return merge_pinned(self, number, head_sha, lambda: self._merge(number, body))

    def _merge(self, number: int, body: JSONObject) -> None:
        self.api.ask("PUT", f"{self._path(number)}/merge", body)

    def _open(self, draft: Draft) -> int:
        compared = self.api.ask(
            "GET",
            f"{self.project}/repository/compare",
            **{"from": draft.base, "to": draft.head},
        )
        # GitLab opens a merge request without any change, too.
        if not compared["commits"]:
            raise NoDifferenceError(f"{draft.head} has nothing that {draft.base} has not")
        body = {
            "source_branch": draft.head,
            "target_branch": draft.base,
            "title": draft.title,
            "description": draft.body,
            "remove_source_branch": False,
        }
        return number_at(self.api.ask("POST", f"{self.project}/merge_requests", body), "iid")

    def _listed(self, **query: str) -> Iterator[PullRequest]:
        for entry in self.api.pages(f"{self.project}/merge_requests", **query):
            pull = _merge_request(entry)
            # A fork may have a branch of the same name: it is not ours.
            if not pull.fork:
                yield pull

    def _post(self, sha: str, context: str, state: str, description: str, url: str) -> None:
        body = {"name": context, "state": state, "description": description}
        if url:  # an empty one is no address to GitLab
            body["target_url"] = url
        self.api.ask("POST", f"{self.project}/statuses/{quote(sha, safe='')}", body)

    def _in_team(self, team: str, user: int) -> bool:
        """`team` is a group's full path, with or without `@`; its parents' members count."""
        group = quote(team.removeprefix("@"), safe="")
        return self._present(f"groups/{group}/members/all/{user}") is not None

    def _present(self, path: str) -> JSON:
        try:
            return self.api.ask("GET", path) or {}
        except ForgeRefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _path(self, number: int) -> str:
        return f"{self.project}/merge_requests/{number}"


def _merge_request(answer: JSONObject) -> PullRequest:
    """A merge request."""
    answered = text(answer, "state")
    state = STATES.get(answered, answered)
    head = sha(answer, "sha")
    mergeable = None
    if state == "open" and text(answer, "detailed_merge_status") not in UNKNOWN:
        mergeable = not answer.get("has_conflicts")
    # A fast-forward makes no commit: the head itself is on the base then.
    made = text(answer, "merge_commit_sha") or text(answer, "squash_commit_sha") or head
    return PullRequest(
        number=number_at(answer, "iid"),
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


def _commit_status(entry: JSONObject) -> CommitStatus:
    """A job or an external status."""
    answered = text(entry, "status")
    state = StatusState.FAILURE if answered in ENDED else StatusState.PENDING
    return CommitStatus(
        text(entry, "name"),
        StatusState.SUCCESS if answered == "success" else state,
        text(entry, "description"),
        text(entry, "target_url"),
        moment(text(entry, "finished_at") or text(entry, "created_at")),
        text(entry, "author", "username"),
    )


def _approval(entry: JSONObject, versions: Sequence[JSONObject]) -> Review:
    """An approval, at the commit that was the head when it was given.

    GitLab does not say which commit was approved: it is the head of the newest version made by
    then. Servers before 18 tell no time, and so approve no commit.
    """
    at = moment(text(entry, "approved_at"))
    commit = ""
    for version in sorted(versions, key=lambda version: number_at(version, "id")):
        made = moment(text(version, "created_at"))
        if at and made and made <= at:
            commit = sha(version, "head_commit_sha")
    return Review(text(entry, "user", "username"), "approved", commit, at or NOT_YET)


def _refusal(entry: JSONObject) -> Review:
    """A reviewer who asked for changes."""
    at = moment(text(entry, "created_at")) or NOT_YET
    return Review(text(entry, "user", "username"), "changes-requested", "", at)
