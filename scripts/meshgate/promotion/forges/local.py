"""A bare repository and a JSON file: a forge for demonstrations and tests, without a server."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from meshgate.errors import RepositoryError, UsageError
from meshgate.model import JSONObject
from meshgate.promotion.forges.bare_repository import BareRepository, MergeConflict
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
from meshgate.promotion.forges.labels import labels_wanted
from meshgate.promotion.forges.retry import merge_pinned, open_or_adopt
from meshgate.promotion.forges.settings import ForgeSettings
from meshgate.promotion.forges.store import Store

LOGIN = "promoter"


def connect(settings: ForgeSettings) -> LocalForge:
    """The forge of the bare repository MESHGATE_FORGE_URL; the token is just the account's name."""
    path = Path(settings.url.removeprefix("file://"))
    if not settings.url or not (path / "objects").is_dir():
        raise UsageError(
            f"the forge local needs a bare repository, which {settings.url or 'nothing'!r} is not",
            hint="git init --bare demo.git, and MESHGATE_FORGE_URL=demo.git",
        )
    return LocalForge(path, settings.token or LOGIN)


def _clock() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.UTC)


class LocalForge:
    """Pull requests of a bare repository.

    login  the account that acts
    now    the forge's clock: when a thing was merged, reviewed, posted
    teams  who is in which team; None: as the forge keeps it
    """

    name = "local"
    hosted = True
    body_limit = 1_000_000

    def __init__(
        self,
        repository: Path,
        login: str,
        *,
        now: Callable[[], datetime.datetime] = _clock,
        teams: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.repository = BareRepository(repository, login)
        self.store = Store(repository)
        self.now = now
        self.teams = teams if teams is not None else self.store.read().get("teams", {})

    def acting_as(self, login: str) -> LocalForge:
        """The same forge, as somebody else sees it."""
        return LocalForge(self.repository.path, login, now=self.now, teams=self.teams)

    def set_team(self, name: str, logins: Sequence[str]) -> None:
        """Say who is in a team, for everybody who opens this forge from now on."""
        with self.store.changed() as content:
            content.setdefault("teams", {})[name] = list(logins)

    def login(self) -> str:
        return self.repository.login

    def clock_ahead(self) -> datetime.timedelta | None:
        return None

    def find_open(self, head: str, base: str) -> PullRequest | None:
        pulls = self._pulls(lambda branch: branch == head, base)
        return next((pull for pull in pulls if pull.state == "open"), None)

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:
        pulls = self._pulls(lambda head: head.startswith(prefix), base)
        return [pull for pull in pulls if pull.state == "open"]

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:
        pulls = self._pulls(lambda branch: branch == head, base)
        return [pull for pull in reversed(pulls) if pull.state != "open"]

    def get(self, number: int) -> PullRequest:
        entry = self._entry(self.store.read(), number)
        return self._pull(entry, self.repository.branches())

    def brought(self, commit: str) -> PullRequest | None:
        for entry in self.store.read()["pulls"]:
            if (entry["merged"] or {}).get("commit") == commit:
                return self._pull(entry, self.repository.branches())
        return None

    def create(self, draft: Draft) -> PullRequest:
        return open_or_adopt(self, draft, lambda: self._open(draft))

    def update(self, number: int, *, title: str, body: str) -> None:
        self._change(number, title=title, body=body)

    def close(self, number: int, comment: str = "") -> None:
        with self.store.changed() as content:
            entry = self._entry(content, number)
            if entry["state"] != "open":
                return
            entry["head_sha"] = self.repository.branches().get(entry["head"], entry["head_sha"])
            entry["state"] = "closed"
            if comment:
                entry["comments"].append({"author": self.login(), "body": comment})

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        for place, (author, posted) in enumerate(self.comments(number)):
            if author == self.login() and marker in posted:
                self.edit_comment(number, place, body)
                return
        self.comment(number, body)

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        self.put_labels(number, labels_wanted(self.get(number).labels, labels))

    def set_status(self, sha: str, status: CommitStatus) -> None:
        with self.store.changed() as content:
            posted = content["statuses"].setdefault(sha, {})
            entry = {
                "state": str(status.state),
                "description": status.description,
                "url": status.url,
                "reporter": self.login(),
            }
            before = posted.get(status.context, {})
            if any(before.get(key) != value for key, value in entry.items()):
                posted[status.context] = {**entry, "at": self.now().isoformat()}

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        return [
            CommitStatus(
                context,
                StatusState(entry["state"]),
                entry["description"],
                entry["url"],
                datetime.datetime.fromisoformat(entry["at"]),
                entry["reporter"],
            )
            for context, entry in self.store.read()["statuses"].get(sha, {}).items()
        ]

    def get_reviews(self, number: int, teams: Sequence[str] = ()) -> Sequence[Review]:
        return [
            Review(
                login,
                entry["state"],
                entry["commit"],
                datetime.datetime.fromisoformat(entry["at"]),
                tuple(team for team in teams if login in self.teams.get(team, ())),
            )
            for login, entry in self._entry(self.store.read(), number)["reviews"].items()
        ]

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:
        return merge_pinned(
            self, number, head_sha, lambda: self._merge(number, head_sha, method, message)
        )

    def review(self, number: int, state: str = "approved") -> None:
        """What a person does: review the head as it is now. Nobody reviews their own."""
        pull = self.get(number)
        if pull.author == self.login():
            raise ForgeRefusedError(f"{pull.author} cannot review their own pull request {number}")
        with self.store.changed() as content:
            self._entry(content, number)["reviews"][self.login()] = {
                "state": state,
                "commit": pull.head_sha,
                "at": self.now().isoformat(),
            }

    def put_labels(self, number: int, labels: Sequence[str]) -> None:
        """Make these all the labels there are, also those of people."""
        self._change(number, labels=list(labels))

    def comments(self, number: int) -> list[tuple[str, str]]:
        """Author and text of every comment, oldest first."""
        comments = self._entry(self.store.read(), number)["comments"]
        return [(comment["author"], comment["body"]) for comment in comments]

    def comment(self, number: int, body: str) -> None:
        with self.store.changed() as content:
            comment = {"author": self.login(), "body": body}
            self._entry(content, number)["comments"].append(comment)

    def edit_comment(self, number: int, place: int, body: str) -> None:
        """Replace the text of a comment, counted from 0."""
        with self.store.changed() as content:
            self._entry(content, number)["comments"][place]["body"] = body

    def _open(self, draft: Draft) -> int:
        branches = self.repository.branches()
        missing = [name for name in (draft.head, draft.base) if name not in branches]
        if missing:
            raise ForgeRefusedError(f"there is no branch {missing[0]} in {self.repository.path}")
        if self.repository.contains(branches[draft.base], branches[draft.head]):
            raise NoDifferenceError(f"{draft.head} has nothing that {draft.base} has not")
        with self.store.changed() as content:
            pulls = content["pulls"]
            if any(
                pull["state"] == "open" and (pull["head"], pull["base"]) == (draft.head, draft.base)
                for pull in pulls
            ):
                raise ForgeRefusedError(f"there is a pull request of {draft.head} already")
            pulls.append(
                {
                    "number": len(pulls) + 1,
                    "head": draft.head,
                    "head_sha": branches[draft.head],
                    "base": draft.base,
                    "title": draft.title,
                    "body": draft.body,
                    "author": self.login(),
                    "state": "open",
                    "labels": [],
                    "comments": [],
                    "reviews": {},
                    "merged": None,
                }
            )
            return len(pulls)

    def _merge(self, number: int, head_sha: str, method: str, message: str) -> None:
        with self.store.changed() as content:
            entry = self._entry(content, number)
            branches = self.repository.branches()
            if entry["state"] != "open" or branches.get(entry["head"]) != head_sha:
                raise ForgeRefusedError(f"pull request {number} has changed")
            base, now = branches[entry["base"]], self.now()
            commit = self.repository.merge(base, head_sha, method, message, now)
            if isinstance(commit, MergeConflict):
                raise ForgeRefusedError(f"pull request {number} conflicts", why=commit.text)
            self.repository.move(entry["base"], commit, base)
            entry["state"] = "merged"
            entry["head_sha"] = head_sha
            entry["merged"] = {"commit": commit, "by": self.login(), "at": now.isoformat()}

    def _pulls(self, wanted: Callable[[str], bool], base: str) -> list[PullRequest]:
        branches = self.repository.branches()
        return [
            self._pull(entry, branches)
            for entry in self.store.read()["pulls"]
            if entry["base"] == base and wanted(entry["head"])
        ]

    def _pull(self, entry: JSONObject, branches: Mapping[str, str]) -> PullRequest:
        state, head_sha, mergeable = entry["state"], entry["head_sha"], None
        if state == "open" and entry["head"] in branches:
            head_sha = branches[entry["head"]]
            tree = self.repository.merged_tree(branches[entry["base"]], head_sha)
            mergeable = not isinstance(tree, MergeConflict)
        elif state == "open":  # its branch was deleted
            state = "closed"
        merged = entry["merged"] or {}
        return PullRequest(
            number=entry["number"],
            url=f"{self.repository.path}#{entry['number']}",
            head=entry["head"],
            head_sha=head_sha,
            base=entry["base"],
            title=entry["title"],
            body=entry["body"],
            author=entry["author"],
            state=state,
            labels=tuple(entry["labels"]),
            mergeable=mergeable,
            merge_commit=merged.get("commit"),
            merged_by=merged.get("by"),
            merged_at=datetime.datetime.fromisoformat(merged["at"]) if merged else None,
        )

    def _entry(self, content: JSONObject, number: int) -> JSONObject:
        for entry in content["pulls"]:
            if entry["number"] == number:
                typed: JSONObject = entry
                return typed
        raise RepositoryError(f"there is no pull request {number} in {self.repository.path}")

    def _change(self, number: int, **values: object) -> None:
        with self.store.changed() as content:
            self._entry(content, number).update(values)
