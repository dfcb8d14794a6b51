"""The verbs of a forge whose API has GitHub's shapes: GitHub itself, Gitea, Forgejo."""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from msgspec.structs import replace

from meshgate.model import JSON, JSONObject
from meshgate.promotion.forges.forge import (
    CommitStatus,
    Draft,
    ForgeRefusedError,
    Merged,
    PullRequest,
    Review,
    StatusState,
)
from meshgate.promotion.forges.http import HttpApi
from meshgate.promotion.forges.labels import labels_wanted
from meshgate.promotion.forges.responses import (
    NOT_YET,
    careful,
    last_words,
    made_by,
    moment,
    pull_request,
    shortened,
    text,
)
from meshgate.promotion.forges.retry import merge_pinned, open_or_adopt

NOT_FOUND = 404


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


@careful
class GitHubLike(ABC):
    """A repository `owner/name`. What differs from forge to forge is abstract."""

    name: str
    hosted = True
    body_limit: int
    # How long a status' description may be.
    description_limit: ClassVar[int]
    # The API's words for a review's state -> ours. Others are nobody's word.
    review_states: ClassVar[Mapping[str, str]]

    def __init__(self, api: HttpApi, project: str) -> None:
        self.api = api
        self.owner = project.partition("/")[0]
        self.repository = "repos/" + "/".join(part(name) for name in project.split("/"))

    @abstractmethod
    def login(self) -> str: ...

    def clock_ahead(self) -> datetime.timedelta | None:
        return self.api.clock_ahead

    @abstractmethod
    def _listed(self, state: str, base: str, head: str) -> Iterable[JSONObject]:
        """Pull requests, at least those of this state, base and (if given) branch."""

    @abstractmethod
    def _associated(self, commit: str) -> Iterable[JSONObject]:
        """Pull requests that have to do with a commit of the base."""

    @abstractmethod
    def _open(self, draft: Draft) -> int: ...

    @abstractmethod
    def _put_labels(self, number: int, labels: Sequence[str]) -> None: ...

    @abstractmethod
    def _merge(self, number: int, head_sha: str, method: str, message: tuple[str, str]) -> None: ...

    @abstractmethod
    def _may_approve(self, review: JSONObject) -> bool:
        """Whether the reviewer may push."""

    @abstractmethod
    def _in_team(self, team: str, login: str) -> bool: ...

    @abstractmethod
    def get_statuses(self, sha: str) -> Sequence[CommitStatus]: ...

    def find_open(self, head: str, base: str) -> PullRequest | None:
        listed = next(iter(self._pulls("open", base, head)), None)
        # A list's entries lack what only the pull request itself tells.
        return self.get(listed.number) if listed else None

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:
        return [pull for pull in self._pulls("open", base) if pull.head.startswith(prefix)]

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:
        return sorted(self._pulls("closed", base, head), key=lambda pull: -pull.number)

    def get(self, number: int) -> PullRequest:
        return self._read(self.api.ask("GET", self._path(number)))

    def brought(self, commit: str) -> PullRequest | None:
        return made_by(map(self._read, self._associated(commit)), commit)

    def create(self, draft: Draft) -> PullRequest:
        return open_or_adopt(self, draft, lambda: self._open(draft))

    def update(self, number: int, *, title: str, body: str) -> None:
        pull = self.get(number)
        if (pull.title, pull.body) != (title, body):
            self.api.ask("PATCH", self._path(number), {"title": title, "body": body})

    def close(self, number: int, comment: str = "") -> None:
        if self.get(number).state != "open":
            return
        if comment:
            self.api.ask("POST", self._comments(number), {"body": comment})
        self.api.ask("PATCH", self._path(number), {"state": "closed"})

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        for comment in self.api.pages(self._comments(number)):
            posted = text(comment, "body")
            if marker in posted and text(comment, "user", "login") == self.login():
                if posted != body:
                    path = f"{self.repository}/issues/comments/{comment['id']}"
                    self.api.ask("PATCH", path, {"body": body})
                return
        self.api.ask("POST", self._comments(number), {"body": body})

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        present = self.get(number).labels
        wanted = labels_wanted(present, labels)
        if set(wanted) != set(present):
            self._put_labels(number, wanted)

    def set_status(self, sha: str, status: CommitStatus) -> None:
        description = shortened(status.description, self.description_limit)
        wanted = (status.state, description, status.url)
        for before in self.get_statuses(sha):
            if before.context == status.context:
                if (before.state, before.description, before.url) == wanted:
                    return
                break
        self.api.ask(
            "POST",
            f"{self.repository}/statuses/{part(sha)}",
            {
                "context": status.context,
                "state": str(status.state),
                "description": description,
                "target_url": status.url,
            },
        )

    def get_reviews(self, number: int, teams: Sequence[str] = ()) -> Sequence[Review]:
        listed = self.api.pages(f"{self._path(number)}/reviews")
        reviews = [
            self._review(entry) for entry in listed if text(entry, "state") in self.review_states
        ]
        words = last_words(sorted(reviews, key=lambda review: review.at))
        return [
            replace(word, teams=tuple(team for team in teams if self._in_team(team, word.login)))
            for word in words
        ]

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:
        subject, _, rest = message.partition("\n")
        return merge_pinned(
            self,
            number,
            head_sha,
            lambda: self._merge(number, head_sha, method, (subject, rest.strip())),
        )

    def _pulls(self, state: str, base: str, head: str = "") -> Iterator[PullRequest]:
        for entry in self._listed(state, base, head):
            pull = self._read(entry)
            # A fork may have a branch of the same name: it is not ours.
            if pull.base == base and head in ("", pull.head) and not pull.fork:
                yield pull

    def _read(self, answer: JSONObject) -> PullRequest:
        return pull_request(answer)

    def _review(self, entry: JSONObject) -> Review:
        state = self.review_states[text(entry, "state")]
        if entry.get("dismissed"):
            state = "dismissed"
        elif state == "approved" and not self._may_approve(entry):
            state = "powerless"
        return Review(
            text(entry, "user", "login"),
            state,
            text(entry, "commit_id"),
            moment(text(entry, "submitted_at")) or NOT_YET,
        )

    def _status(self, entry: JSONObject, state: str) -> CommitStatus:
        return CommitStatus(
            text(entry, "context"),
            # error, warning and whatever comes: not a success.
            StatusState(state) if state in set(StatusState) else StatusState.FAILURE,
            text(entry, "description"),
            text(entry, "target_url"),
            moment(text(entry, "created_at")),
            text(entry, "creator", "login"),
        )

    def _present(self, path: str) -> JSON:
        """What is at a path; None where nothing is."""
        try:
            return self.api.ask("GET", path) or {}
        except ForgeRefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _path(self, number: int) -> str:
        return f"{self.repository}/pulls/{number}"

    def _comments(self, number: int) -> str:
        return f"{self.repository}/issues/{number}/comments"
