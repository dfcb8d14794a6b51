"""How the share of STRICT ports grew in an environment that nothing was promoted to, by git.

What floats is what its branch has: each commit of the main line that changes what it is built from,
or what runs there, is a point. Of a day the last commit stands for all, and of days the newest few,
so that a page of a long history is made as fast as one of a short one; what was worked out is kept.
"""

from __future__ import annotations

import datetime
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from meshgate import config
from meshgate.errors import MeshgateError, RepositoryError, ToolError
from meshgate.pipeline import Folder, Settings, judge
from meshgate.pipeline.tool import fingerprint
from meshgate.promotion.overview import Posture, posture_of
from meshgate.promotion.policy import FILE
from meshgate.promotion.release_inputs import SOURCE_FOLDERS, ReleaseInputs
from meshgate.promotion.session import INVENTORY
from meshgate.repository import Commit, Repository, extract, mainline
from meshgate.source.cache import Cache, digest

HEAD = "HEAD"
# Days that a trend goes back, as far as the page goes back in a ledger.
DAYS = 12
# Seconds for all environments; the next run goes on from what this one has kept.
PATIENCE = 5.0
# Part of every key: raise it when what is kept changes.
FORMAT = "1"


class Stage(NamedTuple):
    """What an environment enforced from a commit on."""

    commit: Commit
    posture: Posture


class Trend(NamedTuple):
    """The stages of an environment, the newest first; `lacking`: why there are none, or no more."""

    stages: Sequence[Stage]
    lacking: str = ""


def strict_trends(
    root: Path, environments: Sequence[str], settings: Settings, cache: Path | None
) -> dict[str, Trend]:
    """The trend of each environment by the main line of what is checked out; raises nothing."""
    try:
        with Repository(root) as repository:
            walk = _Walk(repository, settings, cache)
            return {name: walk.trend(name) for name in environments}
    except RepositoryError:
        return dict.fromkeys(environments, Trend((), "git has no history of this folder"))
    except ToolError as error:
        return dict.fromkeys(environments, Trend((), error.what))


class _Walk:
    """One walk back along a main line."""

    def __init__(self, repository: Repository, settings: Settings, cache: Path | None) -> None:
        self._repository = repository
        self._settings = settings
        self._folder = cache
        self._cache = Cache(cache, "strict-trend")
        self._inputs = ReleaseInputs(repository, cache=cache)
        self._end = time.monotonic() + PATIENCE

    def trend(self, name: str) -> Trend:
        stages: list[Stage] = []
        for commit in self._days(name):
            posture = self._posture(commit.sha, name)
            if posture is None and time.monotonic() > self._end:
                return Trend(stages, "older days are not worked out yet; the next page has them")
            if posture is not None and posture.ports:
                stages.append(Stage(commit, posture))
        if self._repository.shallow:
            return Trend(stages, "this clone has no more of the history")
        return Trend(stages, "" if stages else "no commit has ports of workloads in its inventory")

    def _days(self, name: str) -> list[Commit]:
        """The last commit of each of the newest days that change the environment."""
        paths = (*self._inputs.at(self._repository.resolve(HEAD)), *SOURCE_FOLDERS)
        line = mainline(self._repository, HEAD, *self._beside(name), *dict.fromkeys(paths))
        last: dict[datetime.date, Commit] = {}
        for commit in line:
            last.setdefault(commit.committed_at.date(), commit)
        return list(last.values())[:DAYS]

    def _posture(self, commit: str, name: str) -> Posture | None:
        """What it enforced at a commit; None where that cannot be said, or not in time."""
        paths = (*self._beside(name), *self._inputs.at(commit))
        ids = (self._repository.object_id(commit, path) or "" for path in paths)
        key = digest(FORMAT, fingerprint(), self._settings.engine, name, *ids)
        cached = self._cache.get(key)
        if isinstance(cached, list):
            return Posture(*cached) if cached else None
        if time.monotonic() > self._end:
            return None
        posture = self._judged(commit, name, paths)
        self._cache.put(key, list(posture or ()))
        return posture

    def _judged(self, commit: str, name: str, paths: Sequence[str]) -> Posture | None:
        with tempfile.TemporaryDirectory(prefix="meshgate-") as temporary:
            root = Path(temporary)
            try:
                extract(self._repository, commit, paths, root)
                wanted = [each for each in config.load(root).environments if each.name == name]
                judged = judge(wanted, Folder(root, cache=self._folder), self._settings)
                return posture_of(judged[name].require_context().mesh) if wanted else None
            except ToolError:
                # Nothing that the commit says: it is not to be kept.
                raise
            except MeshgateError:
                return None

    def _beside(self, name: str) -> tuple[str, ...]:
        """What decides beside the sources."""
        return FILE, f"{INVENTORY}/{name}"
