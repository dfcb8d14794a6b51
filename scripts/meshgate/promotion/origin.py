"""Where a record says that it comes from, found out in git: inputs, bytes, place on main."""

from __future__ import annotations

from collections.abc import Mapping

from meshgate.errors import BuildError, RepositoryError
from meshgate.promotion.base import Base
from meshgate.promotion.candidate import Ancestry, Held, Side
from meshgate.promotion.files import rendered_folder
from meshgate.promotion.policy import EnvironmentPolicy
from meshgate.promotion.rendering import render
from meshgate.promotion.values import Event, PromotionRecord
from meshgate.repository import is_ancestor


class Origin:
    """The source of one record. What cannot be found out is None, with a line in `reasons`."""

    def __init__(
        self,
        base: Base,
        policy: EnvironmentPolicy,
        record: PromotionRecord,
        before: Side,
        reasons: list[str],
    ) -> None:
        self.base = base
        self.policy = policy
        self.record = record
        self.before = before
        self.reasons = reasons

    def held(self) -> Held | None:
        """What the source commit holds."""
        releases = self.base.releases
        try:
            found = releases.source(self.record.source.commit)
            return Held(releases.id(found), found)
        except RepositoryError as error:
            self.reasons.append(f"its source: {error.what}")
            return None

    def expected(self) -> Mapping[str, bytes] | None:
        """A fresh render; for a rollback the bytes that the record of that release left."""
        if self.record.event is Event.ROLLBACK:
            return self._replayed()
        try:
            return render(
                self.base.repository,
                self.record.source.commit,
                self.policy.name,
                self.policy.overlay,
                cache=self.base.cache,
            )
        except (BuildError, RepositoryError) as error:
            self.reasons.append(f"the render: {error}")
            return None

    def _replayed(self) -> Mapping[str, bytes] | None:
        """The rendered files as an earlier record of this release left them on the base."""
        wanted = self.record.rendered
        name, repository = self.policy.name, self.base.repository
        same = (self.record.release, self.record.source, wanted)
        if not any((one.release, one.source, one.rendered) == same for one in self.before.records):
            self.reasons.append(f"no record of {name} left {wanted.tree}")
            return None
        folder = rendered_folder(name)
        try:
            entries = repository.entries(wanted.tree)
        except RepositoryError as error:
            self.reasons.append(f"the recorded bytes: {error.what}")
            return None
        return {folder + entry.path: repository.blob(entry.blob) for entry in entries}

    def ancestry(self) -> Ancestry | None:
        """Where the source commit lies."""
        line = [commit.sha for commit in self.base.releases.line]
        sources = [
            record.source.commit
            for record in self.before.records
            if record.event is not Event.HOTFIX and record.source.commit in line
        ]
        newest = min(sources, key=line.index, default=None)
        commit = self.record.source.commit
        try:
            is_newer = newest is None or is_ancestor(self.base.repository, newest, commit)
        except RepositoryError as error:
            self.reasons.append(f"its source: {error.what}")
            return None
        return Ancestry(commit in line, newest, is_newer)
