"""A policy repository with a bare remote, the forge `local` in front, and somebody who promotes."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import promoted
from meshgate.promotion.environment_state import EnvironmentState, Event
from meshgate.promotion.files import at_commit, contents
from meshgate.promotion.forges import Forge
from meshgate.promotion.forges.bare_repository import BareRepository
from meshgate.promotion.forges.local import LocalForge
from meshgate.promotion.hotfix import HotfixOptions, hotfix
from meshgate.promotion.line import hold, reject, resume, write
from meshgate.promotion.merge import MergeResult, merge
from meshgate.promotion.promote import PromoteOptions, promote
from meshgate.promotion.pull_request import PullRequestResult
from meshgate.promotion.rollback import roll_back
from meshgate.promotion.session import Clock, Session, open_session
from meshgate.repository import Repository
from meshgate.repository.repository import COMMIT_ID
from places import CACHE

PERMISSIVE_FLOOR = "    require: {mtls: PERMISSIVE}\n"
# The sample's environments, with a floor that lets both modes stand, and a team that may weaken.
ENVIRONMENTS = """\
environments:
  - name: dev
    overlay: overlays/dev
    mode: floating
    require: {mtls: PERMISSIVE}
  - name: staging
    overlay: overlays/staging
    mode: pinned
    after: [dev]
    require: {mtls: PERMISSIVE}
    gates: []
    gatesWaived: a sample
    approvals: {weakening: {teams: [security]}}
  - name: prod
    overlay: overlays/prod
    mode: pinned
    after: [staging]
    require: {mtls: PERMISSIVE}
    gates: []
    gatesWaived: a sample
    approvals: {weakening: {teams: [security]}}
"""
TEAMS = {"security": ["sam", "tess"]}
MODES = ("PERMISSIVE", "STRICT")
# What git said of commits, by its arguments.
ANSWERS: dict[tuple[str, ...], str] = {}


@dataclass
class Pipeline:
    """One clone of a shared bare repository, and the account that acts."""

    work: Path
    hub: Path
    login: str = "promoter"
    now: dt.datetime = field(default_factory=lambda: promoted.START + dt.timedelta(days=10))
    forge: Forge | None = None
    # What git said of the hub, by what decides it: each session has a forge of its own.
    known: BareRepository | None = None

    def another(self, name: str) -> Pipeline:
        """A second writer, with a clone of its own."""
        work = self.work.parent / name
        promoted.git(self.work.parent, "clone", "--quiet", str(self.hub), str(work))
        return Pipeline(work, self.hub, name, self.now)

    def later(self, **length: int) -> None:
        self.now += dt.timedelta(**length)

    def local(self, login: str = "") -> LocalForge:
        forge = LocalForge(self.hub, login or self.login, now=lambda: self.now, teams=TEAMS)
        self.known = self.known or forge.repository
        forge.repository = BareRepository(
            self.hub, forge.login(), merged=self.known.merged, listed=self.known.listed
        )
        return forge

    def session(self) -> AbstractContextManager[Session]:
        return open_session(
            self.work,
            Clock(self.now, self.now.date()),
            self.forge or self.local(),
            cache=CACHE,
            login=self.login,
        )

    def promote(self, environment: str, release: str = "", **how: object) -> PullRequestResult:
        flags = {name: bool(how.pop(name, False)) for name in ("refresh", "again")}
        options = PromoteOptions(release=release, **how)  # type: ignore[arg-type] # its fields
        with self.session() as session:
            return promote(session, environment, options, **flags)

    def merge(self, number: int, method: str = "merge") -> MergeResult:
        self.later(minutes=1)
        with self.session() as session:
            return merge(session, number, method=method)

    def promoted(self, environment: str, method: str = "merge") -> PullRequestResult:
        result = self.promote(environment)
        self.merge(result.pull.number, method)
        return result

    def roll_back(self, environment: str, to: int, **how: object) -> PullRequestResult:
        how.setdefault("reason", "503 in checkout")
        how.setdefault("ticket", "INC-12")
        with self.session() as session:
            return roll_back(session, environment, to, **how)  # type: ignore[arg-type] # options

    def hotfix(self, environment: str, start: str, **how: object) -> PullRequestResult:
        options = HotfixOptions(
            start=start,
            reason="503 in checkout",
            ticket="INC-12",
            due=(self.now + dt.timedelta(days=14)).date(),
            **how,  # type: ignore[arg-type] # fields of a repair
        )
        with self.session() as session:
            return hotfix(session, environment, options)

    def hold(
        self, environment: str, reason: str = "incident", *, direct: bool = False
    ) -> PullRequestResult:
        with self.session() as session:
            return write(session, hold(session, environment, reason=reason), direct=direct)

    def resume(self, environment: str) -> PullRequestResult:
        with self.session() as session:
            return write(session, resume(session, environment, reason="over"))

    def reject(self, release: str, environment: str = "") -> PullRequestResult:
        with self.session() as session:
            return write(session, reject(session, release, reason="bad", name=environment))

    def commit(self, files: Mapping[str, str], message: str = "a change") -> str:
        """Commit inputs to main and push."""
        self.later(hours=1)
        self.sync()
        prepared = promoted.commit(self.work, files, message, day=self.days)
        promoted.git(self.work, "push", "--quiet", "origin", "main")
        return prepared

    def approve(self, number: int, *logins: str) -> None:
        """People approve the head as it is."""
        for login in logins or ("sam", "tess"):
            self.local(login).review(number)

    def sync(self) -> None:
        promoted.git(self.work, "fetch", "--quiet", "origin")
        promoted.git(self.work, "reset", "--quiet", "--hard", "origin/main")

    @property
    def days(self) -> int:
        return (self.now - promoted.START).days

    def files(self, reference: str = "main") -> dict[str, bytes]:
        """What promotion owns on a branch of the hub."""
        with Repository(self.hub) as repository:
            return contents(at_commit(repository, repository.resolve(reference)))

    def state(self, environment: str, reference: str = "main") -> EnvironmentState:
        found = promoted.current(self.files(reference), environment)
        assert found is not None
        return found

    def main(self) -> str:
        return promoted.git(self.hub, "rev-parse", "main")


def mode(name: str) -> dict[str, str]:
    """The mesh-wide policy with another mode."""
    return {"policies/mesh/peerauthentication-default.yaml": promoted.peer_authentication(name)}


@pytest.fixture(scope="session")
def pipeline_once(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Both pinned environments adopted, and main one release ahead. Never change it."""
    folder = tmp_path_factory.mktemp("pipeline")
    work = promoted.start(folder / "work")
    promoted.commit(work, {"environments.yaml": ENVIRONMENTS}, "floors")
    for day, environment in enumerate(promoted.PINNED, 1):
        promoted.promote(work, environment, event=Event.ADOPT, day=day)
    promoted.commit(work, promoted.STRICT, "mesh: demand mTLS (#12)", day=3)
    promoted.git(folder, "init", "--quiet", "--bare", "-b", "main", "hub.git")
    promoted.git(work, "remote", "add", "origin", "../hub.git")
    promoted.git(work, "push", "--quiet", "origin", "main")
    return Pipeline(promoted.packed(work), promoted.packed(folder / "hub.git"))


@pytest.fixture
def pipeline(pipeline_once: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A copy of its own for a test."""
    remember_answers(monkeypatch)
    return copy(pipeline_once, tmp_path)


def remember_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask git once about commits that questions name by their ids, for all sessions of all tests.

    A command has one session, which remembers by itself what git said; a test has twenty, and its
    first commits have the ids that they have in every other test. A clone that lacks one of them
    is asked itself.
    """
    ask = Repository.ask

    def asked_once(self: Repository, *arguments: str, about: Iterable[str], what: str = "") -> str:
        about = tuple(about)
        if self.shallow or not all(map(COMMIT_ID.fullmatch, about)):
            return ask(self, *arguments, about=about, what=what)
        if arguments not in ANSWERS:
            ANSWERS[arguments] = ask(self, *arguments, about=about, what=what)
        elif any(self.find(each) is None for each in about):
            return ask(self, *arguments, about=about, what=what)
        return ANSWERS[arguments]

    monkeypatch.setattr(Repository, "ask", asked_once)


def copy(once: Pipeline, folder: Path) -> Pipeline:
    for name in ("work", "hub.git"):
        shutil.copytree(once.work.parent / name, folder / name, symlinks=True)
    return Pipeline(folder / "work", folder / "hub.git", now=once.now)
