"""The verbs of a forge, and the plain values they take and give."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meshgate.errors import RepositoryError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence


class HeadMovedError(RepositoryError):
    """The pull request's head is not the commit that was judged; nothing was merged."""

    exit_code = 8


class StatusState(enum.StrEnum):
    """A commit status, in the words that all forges share."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Draft:
    """A pull request as it should be: `head` is a branch that is already pushed."""

    head: str
    base: str
    title: str
    body: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the forge has it.

    state      open | merged | closed
    mergeable  None: the forge has not worked it out yet
    """

    number: int
    url: str
    head: str  # branch
    head_sha: str
    base: str
    title: str
    body: str
    author: str
    state: str
    labels: tuple[str, ...] = ()
    mergeable: bool | None = None
    merge_commit: str | None = None
    merged_by: str | None = None
    merged_at: datetime.datetime | None = None
    # A forge-side auto-merge is armed: it would merge a later push unseen.
    auto_merge: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """One reviewer's last word, and the commit it was given on."""

    login: str
    state: str  # approved | changes-requested | commented | dismissed
    commit: str
    at: datetime.datetime
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The newest status of one context on a commit."""

    context: str
    state: StatusState
    description: str = ""
    url: str = ""
    at: datetime.datetime | None = None
    reporter: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """The end of a merge: the commit on the base branch. `already`: somebody was before us."""

    commit: str
    already: bool = False


class Forge(Protocol):
    """What promotion asks of a forge. Every verb may be repeated without harm.

    All raise RepositoryError when the forge refuses or cannot be reached, with the forge's own
    words; `merge` raises HeadMovedError when the head is not `head_sha`.
    """

    name: str

    def find_open(self, head: str, base: str) -> PullRequest | None:
        """The open pull request of a branch, if there is one."""

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:
        """The open pull requests to a base whose branch starts with `prefix`."""

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:
        """The pull requests of a branch that were closed or merged, newest first."""

    def get(self, number: int) -> PullRequest:
        """One pull request as it is now."""

    def create(self, draft: Draft) -> PullRequest:
        """Open a pull request; the one that is there is found and brought up to date instead."""

    def update(self, number: int, *, title: str, body: str) -> None:
        """Change title and body where they differ."""

    def close(self, number: int, comment: str = "") -> None:
        """Close without merging, saying why."""

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        """Write or replace the one comment of this account that carries the hidden marker."""

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        """The labels of a pull request, created where they are missing."""

    def set_status(self, sha: str, status: CommitStatus) -> None:
        """Post a commit status, unless the newest of its context says the same already."""

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        """The newest status of every context on a commit."""

    def get_reviews(self, number: int) -> Sequence[Review]:
        """The last word of every reviewer."""

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:
        """Merge (merge | squash | rebase) if the head still is `head_sha`."""
