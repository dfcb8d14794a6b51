"""A session: how a command was called, and the base commit whose rules it believes.

Rules, waivers, inventory and evidence are those of the base branch's commit, never of a head that
is judged, nor of the working tree.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack

from meshgate import config, source
from meshgate.config import BASELINE, Configuration
from meshgate.errors import BuildError, UsageError
from meshgate.model import Environment, JSONObject, Resource
from meshgate.pipeline import Judged, Objects, Settings, judge
from meshgate.promotion import evidence
from meshgate.promotion.environment_state import EnvironmentState, Release
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.files import at_commit, below, contents, rendered_folder, state_path
from meshgate.promotion.forges import Forge
from meshgate.promotion.forges.none import NoForge
from meshgate.promotion.ledger import read_state
from meshgate.promotion.main_line import brought_at
from meshgate.promotion.policy import FILE, EnvironmentPolicy, Policy
from meshgate.promotion.policy_reader import read_policy
from meshgate.promotion.records import Requester
from meshgate.promotion.release import Releases
from meshgate.promotion.release_inputs import is_at, named_at
from meshgate.promotion.rendering import render
from meshgate.repository import (
    Repository,
    base_branch,
    extract,
    fetch,
    has_remote,
    refuse_shallow,
    remote_branch,
)
from meshgate.yamldoc.files import read_file

INVENTORY = "inventory"
# What a run is judged by.
RULES = ("environments.yaml", BASELINE, "waivers", "expectations", INVENTORY)
SUFFIX = ".json"
NO_FORGE = "no forge is configured that could tell"


@dataclass(frozen=True, slots=True)
class Clock:
    """Now, and the day by which expiry dates are judged."""

    now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(tz=datetime.UTC))
    today: datetime.date = field(
        default_factory=lambda: datetime.datetime.now(tz=datetime.UTC).date()
    )


@dataclass(frozen=True)
class Session:
    """One run: the base branch at a commit, what it says, the forge, the clock, who asks.

    main           the name of the base branch
    given          evidence from outside the repository, each with the reporter that its caller
                   vouches for
    forge          where pull requests live; without one, `NoForge`
    without_forge  why no forge is asked for statuses and reviews, so that what needs one is not
                   applicable. Empty without a forge: what needs one is refused
    via            cli | ci
    run            where the job's log is
    """

    repository: Repository
    commit: str
    configuration: Configuration
    policy: Policy
    releases: Releases
    clock: Clock
    main: str
    forge: Forge
    without_forge: str = ""
    cache: Path | None = None
    engine: str = "auto"
    given: tuple[Evidence, ...] = ()
    login: str = ""
    via: str = "cli"
    run: str | None = None

    @property
    def now(self) -> datetime.datetime:
        """The moment of this run."""
        return self.clock.now

    @property
    def today(self) -> datetime.date:
        """The day by which expiry dates are judged."""
        return self.clock.today

    @property
    def requested_by(self) -> Requester:
        """Who asked, as a record says it."""
        return {"login": self.login, "via": self.via, "run": self.run}

    @functools.cached_property
    def remote(self) -> bool:
        """Whether there is a remote to fetch from and to push to."""
        return has_remote(self.repository)

    @functools.cached_property
    def files(self) -> Mapping[str, bytes]:
        """All that promotion owns on the base, by path."""
        return contents(at_commit(self.repository, self.commit))

    def environment(self, name: str) -> Environment:
        """The facts, floor and exceptions of an environment. Raises UsageError."""
        for environment in self.configuration.environments:
            if environment.name == name:
                return environment
        self.policy.of(name)
        raise AssertionError(name)

    def inventory(self, name: str) -> list[Resource]:
        """What is known to run in an environment. Raises BuildError."""
        path = f"{INVENTORY}/{name}"
        with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
            extract(self.repository, self.commit, (path,), Path(folder))
            return source.read_folder(Path(folder), path)

    def judge(
        self,
        objects: Mapping[str, Sequence[Resource]],
        written: Mapping[str, bytes] | None = None,
    ) -> dict[str, Judged]:
        """Objects of environments, by name, judged as the base says; `written`: their files."""
        return judge(
            [self.environment(name) for name in objects],
            Objects(objects, source.Locator(self.repository.root, written), self.inventory),
            Settings(self.today, self.engine),
        )

    def evidence(self, name: str) -> tuple[Evidence, ...]:
        """All evidence on an environment: what is committed to the base, and what was given."""
        prefix = f"{evidence.FOLDER}/{name}/"
        observations = []
        entries = self.repository.entries(self.commit, prefix.rstrip("/"))
        brought = brought_at(self.repository, self.commit, prefix) if entries else {}
        for entry in entries:
            reporter, _, file = entry.path.removeprefix(prefix).partition("/")
            if "/" in file or not file.endswith(SUFFIX):
                continue
            content = self.repository.blob(entry.blob)
            observation = evidence.read(
                content, reporter=reporter, file=entry.path, brought_at=brought.get(entry.path)
            )
            if observation.environment != name:
                raise UsageError(
                    f"{entry.path} is evidence on {observation.environment}",
                    hint=f"keep it in {evidence.FOLDER}/{observation.environment}/{reporter}/",
                )
            observations.append(observation)
        observations += [given for given in self.given if given.environment == name]
        return tuple(observations)

    def state(self, environment: str) -> EnvironmentState | None:
        """The state of an environment on the base. Raises IntegrityError where it is broken."""
        content = self.files.get(state_path(environment))
        return None if content is None else read_state(content, environment)

    def adopted(self, environment: str) -> tuple[EnvironmentPolicy, EnvironmentState]:
        """A pinned environment that has a state. Raises UsageError."""
        policy, state = self.policy.pinned(environment), self.state(environment)
        if state is None:
            raise UsageError(
                f"{environment} has no state yet",
                why="The first record of an environment tells what its clusters sync.",
                hint=f"meshgate adopt {environment}",
            )
        return policy, state

    def rendered(self, environment: str) -> dict[str, bytes]:
        """The files of rendered/<environment> on the base, by whole path."""
        return below(self.files, rendered_folder(environment))

    def render(self, policy: EnvironmentPolicy, release: Release) -> dict[str, bytes]:
        """What a release renders to in an environment. Raises as `rendering.render`."""
        return render(
            self.repository, release.source.commit, policy.name, policy.sources, cache=self.cache
        )

    def ensure(self, commit: str) -> None:
        """Fetch a commit that was pushed since the last fetch."""
        if self.remote and self.repository.find(commit) is None:
            fetch(self.repository)

    def tip(self, branch: str) -> str | None:
        """The commit of a branch where pull requests are made from; None where it is not there."""
        if self.remote:
            return remote_branch(self.repository, branch)
        return self.repository.find(f"refs/heads/{branch}")


class HowCalled(TypedDict, total=False):
    """What a command line settles of a session; the fields are those of Session."""

    cache: Path | None
    engine: str
    given: tuple[Evidence, ...]
    login: str
    via: str
    run: str | None


@contextlib.contextmanager
def open_session(
    root: Path, clock: Clock, forge: Forge, *, branch: str = "", **how: Unpack[HowCalled]
) -> Iterator[Session]:
    """A session on the base branch as it is now at the remote, where there is one.

    `branch` empty: the remote's default branch, then `main`. Raises as `session_at`, and
    RepositoryError.
    """
    with Repository(root) as repository:
        if has_remote(repository):
            fetch(repository)
        base = base_branch(repository, branch)
        without_forge = "" if forge.hosted else NO_FORGE
        yield session_at(
            repository,
            base.commit,
            clock,
            main=base.branch,
            forge=forge,
            without_forge=without_forge,
            **how,
        )


def session_at(
    repository: Repository,
    commit: str,
    clock: Clock,
    *,
    main: str = "main",
    forge: Forge | None = None,
    without_forge: str = "",
    **how: Unpack[HowCalled],
) -> Session:
    """A session at a commit.

    Raises UsageError for a configuration that is not exactly known, RepositoryError for a shallow
    clone.
    """
    refuse_shallow(repository)
    configuration = configuration_at(repository, commit)
    return Session(
        repository=repository,
        commit=commit,
        configuration=configuration,
        policy=read_policy(configuration),
        releases=Releases(repository, commit, cache=how.get("cache")),
        clock=clock,
        main=main,
        forge=forge or NoForge(Path()),
        without_forge=without_forge,
        **how,
    )


def configuration_at(
    repository: Repository, commit: str, earlier: Mapping[str, str] | None = None
) -> Configuration:
    """What a commit says of itself; of the files `earlier`, by path, as another commit has them.

    Raises UsageError as `config.load` does.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        root = Path(folder)
        # What environments are built from has to be there, wherever it lies.
        named = [each for each in named_at(repository, commit) if not is_at(each, RULES)]
        extract(repository, commit, (*RULES, *dict.fromkeys(named)), root)
        for path, other in (earlier or {}).items():
            (root / path).unlink(missing_ok=True)
            gone = [each for each in named_at(repository, other) if not (root / each).exists()]
            extract(repository, other, (path, *(gone if path == FILE else ())), root)
        return config.load(root)


def baseline_at(
    repository: Repository, commit: str, environment: str | None = None
) -> frozenset[str]:
    """The fingerprints in baseline.yaml of a commit, of one environment or, with None, of all.

    Raises UsageError as `config.load` does.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        extract(repository, commit, (BASELINE,), Path(folder))
        return frozenset(
            each.fingerprint
            for each in config.load_baseline(Path(folder))
            if environment in {None, each.environment}
        )


def rules_at(repository: Repository, commit: str) -> JSONObject:
    """All that environments.yaml of a commit says, defaults merged; empty where there is none.

    Raises UsageError where it is not exactly known.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        extract(repository, commit, (FILE,), Path(folder))
        return config.merged_document(Path(folder)) if (Path(folder) / FILE).exists() else {}


def given_evidence(folders: Mapping[str, Path]) -> tuple[Evidence, ...]:
    """The evidence in some folders, by the reporter that the caller vouches for.

    Raises UsageError for a folder that is missing or a file that is no evidence.
    """
    observations: list[Evidence] = []
    for reporter, folder in folders.items():
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder of evidence")
        observations += [
            evidence.read(_evidence_bytes(file), reporter=reporter, file=str(file))
            for file in sorted(folder.rglob(f"*{SUFFIX}"))
        ]
    return tuple(observations)


def _evidence_bytes(file: Path) -> bytes:
    try:
        return read_file(file, str(file), evidence.SIZE_LIMIT)
    except BuildError as error:
        raise UsageError(error.what, why=error.why, hint=error.hint) from error
