"""No forge: the pull request is a page for a person to open one by hand."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path

from meshgate.errors import RepositoryError
from meshgate.promotion.forges.forge import CommitStatus, Draft, Merged, PullRequest, Review
from meshgate.promotion.forges.settings import ForgeSettings

PAGE = "pr.md"


def connect(settings: ForgeSettings) -> NoForge:
    return NoForge(settings.directory)


class NoForge:
    """Writes `pr.md`, sends nothing, knows of no pull request, review or status."""

    name = "none"
    hosted = False
    body_limit = 1_000_000

    def __init__(self, directory: Path) -> None:
        self.page = directory / PAGE

    def login(self) -> str:
        return ""

    def clock_ahead(self) -> datetime.timedelta | None:
        return None

    def find_open(self, head: str, base: str) -> PullRequest | None:  # noqa: ARG002 - nothing is asked
        return None

    def list_open(self, base: str, prefix: str = "") -> Sequence[PullRequest]:  # noqa: ARG002 - nothing is asked
        return ()

    def closed(self, head: str, base: str) -> Sequence[PullRequest]:  # noqa: ARG002 - nothing is asked
        return ()

    def get(self, number: int) -> PullRequest:
        raise self._nothing(f"there is no pull request {number}")

    def brought(self, commit: str) -> PullRequest | None:  # noqa: ARG002 - nothing is asked
        return None

    def create(self, draft: Draft) -> PullRequest:
        """Write the page. The number is 0, and the head's commit is the caller's to know."""
        text = f"# {draft.title}\n\n{draft.body.rstrip()}\n"
        try:
            if not self.page.is_file() or self.page.read_text(encoding="utf-8") != text:
                self.page.write_text(text, encoding="utf-8")
        except OSError as error:
            # Half a page must not be what somebody pastes.
            with contextlib.suppress(OSError):
                self.page.unlink(missing_ok=True)
            raise RepositoryError(f"cannot write {self.page}: {error.strerror}") from error
        return PullRequest(
            number=0,
            url=str(self.page),
            head=draft.head,
            head_sha="",
            base=draft.base,
            title=draft.title,
            body=draft.body,
            author="",
            state="open",
            labels=draft.labels,
            note=f"open a pull request from {draft.head} to {draft.base} with the text of "
            f"{self.page}, or merge it yourself: "
            f"git switch {draft.base} && git merge --no-ff {draft.head}",
        )

    def update(self, number: int, *, title: str, body: str) -> None:  # noqa: ARG002 - nothing is asked
        raise self._nothing(f"there is no pull request {number} to change")

    def close(self, number: int, comment: str = "") -> None:  # noqa: ARG002 - nothing is asked
        raise self._nothing(f"there is no pull request {number} to close")

    def comment_sticky(self, number: int, marker: str, body: str) -> None:
        """Nothing: there is nowhere to comment."""

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        """Nothing: there is nothing to label."""

    def set_status(self, sha: str, status: CommitStatus) -> None:
        """Nothing: there is nowhere to post it; the command's own output and exit code tell it."""

    def get_statuses(self, sha: str) -> Sequence[CommitStatus]:  # noqa: ARG002 - nothing is asked
        return ()

    def get_reviews(
        self,
        number: int,  # noqa: ARG002 - nothing is asked
        teams: Sequence[str] = (),  # noqa: ARG002 - nothing is asked
    ) -> Sequence[Review]:
        return ()

    def merge(self, number: int, *, head_sha: str, method: str, message: str) -> Merged:  # noqa: ARG002 - nothing is asked
        raise self._nothing(f"there is no pull request {number} to merge")

    def _nothing(self, what: str) -> RepositoryError:
        return RepositoryError(
            f"{what}: no forge is configured",
            hint="name one with --forge or MESHGATE_FORGE (docs/forges.md), or use git by hand",
        )
