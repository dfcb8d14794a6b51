"""What every flow stands on: the base branch as it is now, its rules, the forge, the clock."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshgate.errors import UsageError
from meshgate.model import JSONObject, Resource
from meshgate.promotion.base import Base, Clock, base_at
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.files import below, rendered_folder, state_path
from meshgate.promotion.forges import Forge
from meshgate.promotion.policy import EnvironmentPolicy, Policy
from meshgate.promotion.release import Releases
from meshgate.promotion.rendering import render
from meshgate.promotion.snapshot import at_commit, contents
from meshgate.promotion.standings import objects
from meshgate.promotion.state import read_state
from meshgate.promotion.values import EnvironmentState, Release
from meshgate.repository import Repository, fetch, has_remote, remote_branch, truth

NO_FORGE = "no forge is configured that could tell"


@dataclass(frozen=True, slots=True)
class Setting:
    """How a command was called: where, by which forge, when, and by whom.

    via  cli | ci
    run  where the job's log is
    """

    root: Path
    forge: Forge
    clock: Clock
    cache: Path | None = None
    branch: str = ""
    login: str = ""
    via: str = "cli"
    run: str | None = None
    engine: str = "auto"
    given: tuple[Evidence, ...] = ()

    @property
    def requested_by(self) -> JSONObject:
        """Who asked, as a record says it."""
        return {"login": self.login, "via": self.via, "run": self.run}


class Ground:
    """The base branch (`main` is its name) at one commit, and what it says."""

    def __init__(self, setting: Setting, base: Base, main: str) -> None:
        self.setting = setting
        self.base = base
        self.main = main
        self.repository: Repository = base.repository
        self.policy: Policy = base.policy
        self.releases: Releases = base.releases
        self.forge: Forge = setting.forge
        self.now: datetime.datetime = base.now
        self.cache: Path | None = base.cache
        self.remote = has_remote(base.repository)
        self.files: Mapping[str, bytes] = contents(at_commit(base.repository, base.commit))

    def state(self, environment: str) -> EnvironmentState | None:
        """The state of an environment on the base. Raises IntegrityError where it is broken."""
        content = self.files.get(state_path(environment))
        return None if content is None else read_state(content, environment)

    def adopted(self, environment: str) -> tuple[EnvironmentPolicy, EnvironmentState]:
        """A pinned environment that has a state. Raises UsageError."""
        found, state = self.policy.pinned(environment), self.state(environment)
        if state is None:
            raise UsageError(
                f"{environment} has no state yet",
                why="The first record of an environment tells what its clusters sync.",
                hint=f"meshgate adopt {environment}",
            )
        return found, state

    def rendered(self, environment: str) -> dict[str, bytes]:
        """The files of rendered/<environment> on the base, by whole path."""
        return below(self.files, rendered_folder(environment))

    def render(self, policy: EnvironmentPolicy, release: Release) -> dict[str, bytes]:
        """What a release renders to in an environment. Raises as `rendering.render`."""
        return render(
            self.repository, release.source.commit, policy.name, policy.overlay, cache=self.cache
        )

    def objects(self, files: Mapping[str, bytes]) -> tuple[Resource, ...]:
        """The objects of rendered files. Raises BuildError."""
        return objects(files)

    def know(self, commit: str) -> None:
        """Have a commit that was pushed since the last fetch."""
        if self.remote and self.repository.find(commit) is None:
            fetch(self.repository)

    def tip(self, branch: str) -> str | None:
        """The commit of a branch where pull requests are made from; None where it is not there."""
        if self.remote:
            return remote_branch(self.repository, branch)
        return self.repository.find(f"refs/heads/{branch}")


@contextlib.contextmanager
def ground(setting: Setting) -> Iterator[Ground]:
    """The base branch as it is now at the remote, where there is one."""
    forge = setting.forge
    with Repository(setting.root) as repository:
        if has_remote(repository):
            fetch(repository)
        found = truth(repository, setting.branch)
        base = base_at(
            repository,
            found.commit,
            setting.clock,
            cache=setting.cache,
            engine=setting.engine,
            given=setting.given,
            forge=forge if forge.hosted else None,
            without_forge="" if forge.hosted else NO_FORGE,
        )
        yield Ground(setting, base, found.branch)
