"""A commit as a value, and what a commit changed."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from typing import NamedTuple

from msgspec import Struct

from meshgate.repository.trees import TreeEntry

CO_AUTHORED_BY = "co-authored-by"
# GitHub, Gitea and Forgejo; then GitLab's squash and merge commits.
NUMBERS = (
    re.compile(r"^Merge pull request #(\d{1,18})\b"),
    re.compile(r"^Merge pull request '.*' \(#(\d{1,18})\)"),
    re.compile(r"\(#(\d{1,18})\)$"),
    re.compile(r"\(!(\d{1,18})\)$"),
)
SEE_MERGE_REQUEST = "See merge request "
MERGE_SUBJECT = re.compile(r"^Merge (?:pull request #\d+|branch '.*' into|remote-tracking branch)")
TITLED_MERGE = re.compile(r"^Merge pull request '(.*)' \(#\d+\)")


class Commit(Struct, frozen=True):
    """A commit: who wrote it, who put it there (`Name <email>`) and when (UTC)."""

    sha: str
    parents: tuple[str, ...]
    author: str
    committer: str
    committed_at: datetime.datetime
    message: str

    @property
    def subject(self) -> str:
        """What it is about; of a merge made by a forge, the pull request's title."""
        first, _, rest = self.message.partition("\n")
        if titled := TITLED_MERGE.match(first):
            return titled[1]
        title = next((line.strip() for line in rest.splitlines() if line.strip()), "")
        if len(self.parents) > 1 and MERGE_SUBJECT.match(first) and title:
            return title
        return first

    @property
    def co_authors(self) -> tuple[str, ...]:
        """Who its `Co-authored-by` trailers name."""
        if CO_AUTHORED_BY not in self.message.casefold():
            return ()
        trailers = (line.partition(":") for line in self.message.split("\n"))
        names = (name.strip() for key, _, name in trailers if key.casefold() == CO_AUTHORED_BY)
        return tuple(dict.fromkeys(filter(None, names)))

    @property
    def pull_request(self) -> int | None:
        """The number that the forge wrote into the message."""
        first, _, rest = self.message.partition("\n")
        for pattern in NUMBERS:
            if match := pattern.search(first):
                return int(match[1])
        for line in rest.split("\n"):
            number = line.rpartition("!")[2]
            if line.startswith(SEE_MERGE_REQUEST) and number.isdecimal() and number.isascii():
                return int(number[:18])
        return None


class LineStep(NamedTuple):
    """A commit and what it changed: entries as they are now, of folders too; paths that are gone.

    Where something below a folder changed, the folder itself is among them.
    """

    commit: Commit
    there: tuple[TreeEntry, ...]
    gone: tuple[str, ...]

    def touches(self, paths: Collection[str]) -> bool:
        """Whether something at or below one of the paths that were asked for changed."""
        return any(entry.path in paths for entry in self.there) or any(
            path in paths for path in self.gone
        )
