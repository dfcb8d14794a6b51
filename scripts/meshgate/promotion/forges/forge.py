"""The verbs of a forge, and the plain values they take and give."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from meshgate.errors import RepositoryError


class HeadMovedError(RepositoryError):
    """The pull request's head is not the commit that was judged; nothing was merged."""

    exit_code = 8


class NoDifferenceError(RepositoryError):
    """The branch has nothing that its base has not; no pull request was opened."""

    exit_code = 9


class ForgeRefusedError(RepositoryError):
    """The forge said no. Its own words are in `why`; `status` is the HTTP status, if there was one.

    A refusal tells little (Gitea answers 405 to nearly everything): whoever gets one reads the pull
    request again to learn what is the case.
    """

    def __init__(self, what: str, *, why: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(what, why=why, hint=hint)
        self.status = status


class StatusState(enum.StrEnum):
    """A commit status, in the words that all forges share."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


class Draft(Struct, frozen=True):
    """A pull request as it should be: `head` is a branch that is already pushed."""

    head: str
    base: str
    title: str
    body: str
    labels: tuple[str, ...] = ()


class PullRequest(Struct, frozen=True):
    """A pull request as the forge has it.

    state      open | merged | closed
    mergeable  whether git can merge it; None: the forge does not tell, or not yet
    fork       the branch lies in another repository: anybody could have pushed it
    degraded   what could not be done beside opening it (labels): tried again by the next run
    note       what a person has to do now, where no forge does it
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
    fork: bool = False
    degraded: tuple[str, ...] = ()
    note: str = ""


class Review(Struct, frozen=True):
    """One reviewer's last word, and the commit it was given on.

    state   approved | changes-requested | commented | dismissed | powerless (an approval by
            somebody who may not push, as anybody can give in a public repository)
    commit  "" where the forge does not tell it: no commit is approved
    teams   those of the teams asked for that the reviewer is in
    """

    login: str
    state: str
    commit: str
    at: datetime.datetime
    teams: tuple[str, ...] = ()


class CommitStatus(Struct, frozen=True):
    """The newest status of one context on a commit."""

    context: str
    state: StatusState
    description: str = ""
    url: str = ""
    at: datetime.datetime | None = None
    reporter: str = ""


class Merged(Struct, frozen=True):
    """The end of a merge: the commit on the base branch. `already`: somebody was before us."""

    commit: str
    already: bool = False


class Forge(Protocol):
    """What promotion asks of a forge. Every verb may be repeated without harm.

    All raise RepositoryError when the forge refuses or cannot be reached, with the forge's own
    words; `merge` raises HeadMovedError when the head is not `head_sha`.

    hosted      False: there is nothing that could hold pull requests, reviews and statuses, and a
                gate that needs them is not applicable
    body_limit  the longest text of a pull request or comment, in bytes of UTF-8
    """

    name: str
    hosted: bool
    body_limit: int

    def login(self) -> str:
        """The account that the token belongs to."""

    def clock_ahead(self) -> datetime.timedelta | None:
        """How far its clock is ahead of this machine's, as its last answer told; None: unknown."""

    def find_open(self, head: str, base: str) -> PullRequest | None:
        """The open pull request of a branch of this repository, never a fork's; None: none is."""

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:
        """The open pull requests to a base whose branch starts with `prefix`, forks' left out."""

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:
        """The pull requests of a branch that were closed or merged, newest first."""

    def get(self, number: int) -> PullRequest:
        """One pull request as it is now."""

    def brought(self, commit: str) -> PullRequest | None:
        """The merged pull request whose merge made a commit of the base; None: none did."""

    def create(self, draft: Draft) -> PullRequest:
        """Open a pull request; the one that is there is found and brought up to date instead.

        Raises NoDifferenceError where the branch has nothing new. Labels that the forge refuses are
        reported in `degraded`.
        """

    def update(self, number: int, *, title: str, body: str) -> None:
        """Change title and body where they differ."""

    def close(self, number: int, comment: str = "") -> None:
        """Close without merging, saying why."""

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        """Write or replace the one comment of this account that carries the hidden marker."""

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        """Make these the promotion labels of a pull request; labels of people stay.

        A label that the repository lacks is created.
        """

    def set_status(self, sha: str, status: CommitStatus) -> None:
        """Post a commit status, unless the newest of its context says the same already."""

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:
        """The newest status of every context on a commit."""

    def get_reviews(self, number: int, teams: Sequence[str] = ()) -> Sequence[Review]:
        """The last word of every reviewer, and which of `teams` each is in."""

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:
        """Merge (merge | squash | rebase) if the head still is `head_sha`.

        What is merged already at that head is a success. Raises HeadMovedError when the head is
        another commit, RepositoryError when it conflicts with its base or the forge goes on
        refusing.
        """
