"""A policy repository with a bare remote, the forge `local` in front, and somebody who promotes."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import promoted
from meshgate.promotion.base import Clock
from meshgate.promotion.flows.ground import Ground, Setting, ground
from meshgate.promotion.flows.hotfixing import Repair, hotfix
from meshgate.promotion.flows.merging import Merge, merge
from meshgate.promotion.flows.promoting import Wish, promote
from meshgate.promotion.flows.proposing import Opened
from meshgate.promotion.flows.reverting import roll_back
from meshgate.promotion.flows.stopping import hold, reject, resume
from meshgate.promotion.flows.writing import write
from meshgate.promotion.forges import Forge
from meshgate.promotion.forges.local import LocalForge
from meshgate.promotion.snapshot import at_commit, contents
from meshgate.promotion.values import EnvironmentState, Event
from meshgate.repository import Repository

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


@dataclass
class Pipeline:
    """One clone of a shared bare repository, and the account that acts."""

    work: Path
    hub: Path
    cache: Path
    login: str = "promoter"
    now: dt.datetime = field(default_factory=lambda: promoted.START + dt.timedelta(days=10))
    forge: Forge | None = None

    def another(self, name: str) -> Pipeline:
        """A second writer, with a clone of its own."""
        work = self.work.parent / name
        promoted.git(self.work.parent, "clone", "--quiet", str(self.hub), str(work))
        return Pipeline(work, self.hub, self.cache, name, self.now)

    def later(self, **length: int) -> None:
        self.now += dt.timedelta(**length)

    def local(self, login: str = "") -> LocalForge:
        return LocalForge(self.hub, login or self.login, now=lambda: self.now, teams=TEAMS)

    def setting(self) -> Setting:
        return Setting(
            root=self.work,
            forge=self.forge or self.local(),
            clock=Clock(self.now, self.now.date()),
            cache=self.cache,
            login=self.login,
        )

    @contextmanager
    def ground(self) -> Iterator[Ground]:
        with ground(self.setting()) as found:
            yield found

    def promote(self, environment: str, release: str = "", **how: object) -> Opened:
        flags = {name: bool(how.pop(name, False)) for name in ("refresh", "again")}
        wish = Wish(release=release, **how)  # type: ignore[arg-type] # fields of a wish
        with self.ground() as found:
            return promote(found, environment, wish, **flags)

    def merge(self, number: int, method: str = "merge") -> Merge:
        self.later(minutes=1)
        with self.ground() as found:
            return merge(found, number, method=method)

    def promoted(self, environment: str, method: str = "merge") -> Opened:
        opened = self.promote(environment)
        self.merge(opened.pull.number, method)
        return opened

    def roll_back(self, environment: str, to: int, **how: object) -> Opened:
        how.setdefault("reason", "503 in checkout")
        how.setdefault("ticket", "INC-12")
        with self.ground() as found:
            return roll_back(found, environment, to, **how)  # type: ignore[arg-type] # options

    def hotfix(self, environment: str, start: str, **how: object) -> Opened:
        repair = Repair(
            start=start,
            reason="503 in checkout",
            ticket="INC-12",
            due=(self.now + dt.timedelta(days=14)).date(),
            **how,  # type: ignore[arg-type] # fields of a repair
        )
        with self.ground() as found:
            return hotfix(found, environment, repair)

    def hold(self, environment: str, reason: str = "incident", *, direct: bool = False) -> Opened:
        with self.ground() as found:
            return write(found, hold(found, environment, reason=reason), direct=direct)

    def resume(self, environment: str) -> Opened:
        with self.ground() as found:
            return write(found, resume(found, environment, reason="over"))

    def reject(self, release: str, environment: str = "") -> Opened:
        with self.ground() as found:
            return write(found, reject(found, release, reason="bad", name=environment))

    def commit(self, files: Mapping[str, str], message: str = "a change") -> str:
        """Commit inputs to main and push."""
        self.later(hours=1)
        self.sync()
        made = promoted.commit(self.work, files, message, day=self.days)
        promoted.git(self.work, "push", "--quiet", "origin", "main")
        return made

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
    return Pipeline(work, folder / "hub.git", folder / "cache")


@pytest.fixture
def pipeline(pipeline_once: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of its own for a test."""
    return copy(pipeline_once, tmp_path)


def copy(once: Pipeline, folder: Path) -> Pipeline:
    for name in ("work", "hub.git"):
        shutil.copytree(once.work.parent / name, folder / name, symlinks=True)
    # The cache is shared: the same commits render to the same bytes.
    return Pipeline(folder / "work", folder / "hub.git", once.cache, now=once.now)
