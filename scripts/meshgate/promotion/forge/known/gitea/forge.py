"""The verbs of a forge over Gitea's API."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from meshgate.promotion.forge.answers import (
    NOT_YET,
    last_words,
    moment,
    number,
    pull_request,
    text,
)
from meshgate.promotion.forge.forge import (
    CommitStatus,
    NoDifferenceError,
    RefusedError,
    Review,
    StatusState,
)
from meshgate.promotion.forge.known.gitea.api import NOT_FOUND, part
from meshgate.promotion.forge.labels import color, labels_wanted
from meshgate.promotion.forge.patience import merge_pinned, open_or_adopt
from meshgate.report.budget import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshgate.model import JSONObject
    from meshgate.promotion.forge.forge import Draft, Merged, PullRequest
    from meshgate.promotion.forge.known.gitea.api import Api

REVIEW_STATES = {
    "APPROVED": "approved",
    "REQUEST_CHANGES": "changes-requested",
    "COMMENT": "commented",
}
# The timeline's words for a forge-side auto-merge; a pull request itself does not tell it.
ARMED, DISARMED = "pull_scheduled_merge", "pull_cancel_scheduled_merge"


class GiteaForge:
    """A repository `owner/name` of a Gitea or Forgejo."""

    name = "gitea"
    hosted = True
    body_limit = LIMITS["gitea"]

    def __init__(self, api: Api, project: str) -> None:
        self.api = api
        self.owner = project.partition("/")[0]
        self.repository = "repos/" + "/".join(part(name) for name in project.split("/"))

    @cached_property
    def _login(self) -> str:
        return text(self.api.ask("GET", "user"), "login")

    def login(self) -> str:
        return self._login

    def find_open(self, head: str, base: str) -> PullRequest | None:
        # Not `/pulls/{base}/{head}`: that gives any pull request of the branch, also a closed one.
        found = next((pull for pull in self.list_open(base, head) if pull.head == head), None)
        return self.get(found.number) if found else None

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:
        return [pull for pull in self._list("open", base) if pull.head.startswith(prefix)]

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:
        pulls = [pull for pull in self._list("closed", base) if pull.head == head]
        return sorted(pulls, key=lambda pull: -pull.number)

    def get(self, number: int) -> PullRequest:
        pull = self._get(number)
        armed = False
        if pull.state == "open":
            for event in self.api.pages(f"{self.repository}/issues/{number}/timeline"):
                kind = text(event, "type")
                armed = kind == ARMED or (armed and kind != DISARMED)
        return replace(pull, auto_merge=armed)

    def create(self, draft: Draft) -> PullRequest:
        return open_or_adopt(self, draft, lambda: self._open(draft))

    def update(self, number: int, *, title: str, body: str) -> None:
        pull = self._get(number)
        if (pull.title, pull.body) != (title, body):
            self.api.ask("PATCH", self._pull(number), {"title": title, "body": body})

    def close(self, number: int, comment: str = "") -> None:
        if self._get(number).state != "open":
            return
        if comment:
            self.api.ask("POST", self._comments(number), {"body": comment})
        self.api.ask("PATCH", self._pull(number), {"state": "closed"})

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        for comment in self.api.pages(self._comments(number)):
            said = text(comment, "body")
            if marker in said and text(comment, "user", "login") == self.login():
                if said != body:
                    path = f"{self.repository}/issues/comments/{comment['id']}"
                    self.api.ask("PATCH", path, {"body": body})
                return
        self.api.ask("POST", self._comments(number), {"body": body})

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        present = self._get(number).labels
        wanted = labels_wanted(present, labels)
        if set(wanted) != set(present):
            ids = self._label_ids(wanted)
            self.api.ask("PUT", f"{self.repository}/issues/{number}/labels", {"labels": ids})

    def set_status(self, sha: str, status: CommitStatus) -> None:
        before = next((s for s in self.get_statuses(sha) if s.context == status.context), None)
        said = (status.state, status.description, status.url)
        if before and (before.state, before.description, before.url) == said:
            return
        self.api.ask(
            "POST",
            f"{self.repository}/statuses/{part(sha)}",
            {
                "context": status.context,
                "state": str(status.state),
                "description": status.description,
                "target_url": status.url,
            },
        )

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        listed = self.api.pages(f"{self.repository}/commits/{part(sha)}/statuses")
        # By id: times are whole seconds, and what `sort` means is not the same everywhere.
        entries = sorted(listed, key=lambda entry: number(entry, "id"))
        return list({text(entry, "context"): _status(entry) for entry in entries}.values())

    def get_reviews(self, number: int, teams: Sequence[str] = ()) -> Sequence[Review]:
        listed = self.api.pages(f"{self._pull(number)}/reviews")
        # A request for review, a draft and a team's entry are nobody's word.
        said = [_review(entry) for entry in listed if text(entry, "state") in REVIEW_STATES]
        words = last_words(sorted(said, key=lambda review: review.at))
        if not teams or not words:
            return words
        ids = self._team_ids(teams)
        return [
            replace(word, teams=tuple(team for team in ids if self._in_team(ids[team], word.login)))
            for word in words
        ]

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:
        subject, _, rest = message.partition("\n")
        body = {
            "Do": method,
            "head_commit_id": head_sha,
            "MergeTitleField": subject,
            "MergeMessageField": rest.strip(),
        }
        path = f"{self._pull(number)}/merge"
        return merge_pinned(self, number, head_sha, lambda _: self._merge(path, body))

    def _merge(self, path: str, body: JSONObject) -> None:
        self.api.ask("POST", path, body)

    def _open(self, draft: Draft) -> int:
        span = f"{part(draft.base)}...{part(draft.head)}"
        # Gitea opens a pull request without any change, too.
        compared = self.api.ask("GET", f"{self.repository}/compare/{span}")
        if not compared["total_commits"]:
            raise NoDifferenceError(f"{draft.head} has nothing that {draft.base} has not")
        body = {"head": draft.head, "base": draft.base, "title": draft.title, "body": draft.body}
        return number(self.api.ask("POST", f"{self.repository}/pulls", body), "number")

    def _get(self, number: int) -> PullRequest:
        return _pull_request(self.api.ask("GET", self._pull(number)))

    def _list(self, state: str, base: str) -> Iterator[PullRequest]:
        # Servers before 1.24 do not know base_branch, and give the pull requests to every base.
        path = f"{self.repository}/pulls"
        for entry in self.api.pages(path, state=state, base_branch=base):
            pull = _pull_request(entry)
            if pull.base == base and not pull.fork:
                yield pull

    def _label_ids(self, names: Sequence[str]) -> list[int]:
        """The ids of labels. Two of one name can be made, so what is there is looked up first."""
        there = {
            text(entry, "name"): number(entry, "id")
            for entry in self.api.pages(f"{self.repository}/labels")
        }
        for name in names:
            if name not in there:
                body = {"name": name, "color": f"#{color(name)}"}
                made = self.api.ask("POST", f"{self.repository}/labels", body)
                there[name] = number(made, "id")
        return [there[name] for name in names]

    def _team_ids(self, names: Sequence[str]) -> dict[str, int]:
        """The teams of the repository's owner; a person has none."""
        try:
            listed = list(self.api.pages(f"orgs/{part(self.owner)}/teams"))
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return {}
            raise
        return {
            text(team, "name"): number(team, "id") for team in listed if text(team, "name") in names
        }

    def _in_team(self, team: int, login: str) -> bool:
        try:
            self.api.ask("GET", f"teams/{team}/members/{part(login)}")
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True

    def _pull(self, number: int) -> str:
        return f"{self.repository}/pulls/{number}"

    def _comments(self, number: int) -> str:
        return f"{self.repository}/issues/{number}/comments"


def _pull_request(answer: JSONObject) -> PullRequest:
    pull = pull_request(answer)
    # Gitea says `false` both for a conflict and before it has looked.
    return replace(pull, mergeable=pull.mergeable or None)


def _status(entry: JSONObject) -> CommitStatus:
    said = text(entry, "status")
    known = said in set(StatusState)
    return CommitStatus(
        text(entry, "context"),
        # error, warning, skipped and whatever comes: not a success.
        StatusState(said) if known else StatusState.FAILURE,
        text(entry, "description"),
        text(entry, "target_url"),
        moment(text(entry, "created_at")),
        text(entry, "creator", "login"),
    )


def _review(entry: JSONObject) -> Review:
    state = REVIEW_STATES[text(entry, "state")]
    if entry.get("dismissed"):
        state = "dismissed"
    elif state == "approved" and not entry.get("official"):
        state = "powerless"
    return Review(
        text(entry, "user", "login"),
        state,
        text(entry, "commit_id"),
        moment(text(entry, "submitted_at")) or NOT_YET,
    )
