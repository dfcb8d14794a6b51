"""The base commit of a judgement: the rules, the exceptions and the evidence that are believed."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meshgate import config, source
from meshgate.config import Configuration
from meshgate.errors import UsageError
from meshgate.model import Environment, Resource
from meshgate.pipeline import Judged, Objects, Settings, judge
from meshgate.promotion import evidence
from meshgate.promotion.evidence import Evidence
from meshgate.promotion.forges import Forge
from meshgate.promotion.policy import Policy, policy
from meshgate.promotion.release import OVERLAYS, Releases
from meshgate.repository import Repository, extract

INVENTORY = "inventory"
# What a run is judged by; always of the base commit, never of the head or the working tree.
RULES = ("environments.yaml", "waivers", "expectations", INVENTORY, OVERLAYS)
SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Base:
    """The current end of the base branch, and how judgements on it are made.

    given          evidence from outside the repository, each with the reporter that its caller
                   vouches for
    forge          asked for statuses and reviews; None: see `without_forge`
    without_forge  why no forge is asked, so that what needs one is not applicable. Empty without a
                   forge: what needs one is refused
    """

    repository: Repository
    commit: str
    configuration: Configuration
    policy: Policy
    releases: Releases
    now: datetime.datetime
    today: datetime.date
    cache: Path | None = None
    engine: str = "auto"
    given: tuple[Evidence, ...] = ()
    forge: Forge | None = None
    without_forge: str = ""

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
        found = []
        for entry in self.repository.entries(self.commit, prefix.rstrip("/")):
            reporter, _, file = entry.path.removeprefix(prefix).partition("/")
            if "/" in file or not file.endswith(SUFFIX):
                continue
            content = self.repository.blob(entry.blob)
            one = evidence.read(content, reporter=reporter, file=entry.path)
            if one.environment != name:
                raise UsageError(
                    f"{entry.path} is evidence on {one.environment}",
                    hint=f"keep it in {evidence.FOLDER}/{one.environment}/{reporter}/",
                )
            found.append(one)
        found += [one for one in self.given if one.environment == name]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Clock:
    """Now, and the day by which expiry dates are judged."""

    now: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(tz=datetime.UTC))
    today: datetime.date = field(
        default_factory=lambda: datetime.datetime.now(tz=datetime.UTC).date()
    )


def base_at(
    repository: Repository,
    commit: str,
    clock: Clock,
    *,
    cache: Path | None = None,
    engine: str = "auto",
    given: tuple[Evidence, ...] = (),
    forge: Forge | None = None,
    without_forge: str = "",
) -> Base:
    """The base at a commit. Raises UsageError for a configuration that is not exactly known."""
    configuration = configuration_at(repository, commit)
    return Base(
        repository=repository,
        commit=commit,
        configuration=configuration,
        policy=policy(configuration),
        releases=Releases(repository, commit, cache=cache),
        now=clock.now,
        today=clock.today,
        cache=cache,
        engine=engine,
        given=given,
        forge=forge,
        without_forge=without_forge,
    )


def configuration_at(repository: Repository, commit: str) -> Configuration:
    """What a commit says of itself. Raises UsageError as `config.load` does."""
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        extract(repository, commit, RULES, Path(folder))
        return config.load(Path(folder))


def given_evidence(folders: Mapping[str, Path]) -> tuple[Evidence, ...]:
    """The evidence in some folders, by the reporter that the caller vouches for.

    Raises UsageError for a folder that is missing or a file that is no evidence.
    """
    found: list[Evidence] = []
    for reporter, folder in folders.items():
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder of evidence")
        found += [
            evidence.read(file.read_bytes(), reporter=reporter, file=str(file))
            for file in sorted(folder.rglob(f"*{SUFFIX}"))
        ]
    return tuple(found)
