"""An open promotion to prod that waits for nothing, gated over a bare repository with a forge."""

from __future__ import annotations

import copy
import datetime as dt
import json
import shutil
from pathlib import Path

from judged import CLOCK, NOW, base_of
from meshgate.promotion import names
from meshgate.promotion.forges import CommitStatus, Draft, PullRequest, StatusState
from meshgate.promotion.forges.local import LocalForge
from meshgate.promotion.session import Clock
from meshgate.promotion.statuses import (
    ExpectedChecks,
    FailedJudgement,
    PostedJudgement,
    gate,
)
from meshgate.repository import Repository
from promoted import commit, git, promote

GATES = """\
    gates: [soaked, office, traffic, flux]
    approvals: {count: 1}
    soak: {promote: 1d}
"""
RULES = """\
gates:
  - {name: soaked, type: soak}
  - {name: office, type: window}
  - {name: traffic, type: evidence, evidence: traffic, reporters: [probe], maxAge: 7d}
  - {name: flux, type: commit-status, context: "flux/{env}", reporters: [flux-bot]}
windows:
  - {name: office, kind: allow, cron: "0 8 * * *", duration: 1h, environments: [prod]}
"""


class Story:
    """A clone, its bare origin, and an open promotion to prod that waits for nothing."""

    def __init__(self, folder: Path, first: str) -> None:
        self.folder = folder
        self.first = first
        text = (folder / "environments.yaml").read_text()
        head, _, tail = text.rpartition("    gates: []\n    gatesWaived: a sample\n")
        git(folder, "remote", "remove", "origin") if "origin" in git(folder, "remote") else None
        commit(folder, {"environments.yaml": head + GATES + tail + RULES}, "gates", day=4)
        self.tree = git(folder, "rev-parse", "HEAD:rendered/staging")
        self.witness()
        self.base = git(folder, "rev-parse", "HEAD")
        self.origin = folder.parent / "origin.git"
        git(folder.parent, "clone", "--quiet", "--bare", str(folder), str(self.origin))
        git(folder, "remote", "add", "origin", "../origin.git")
        self.forge = self.seen_by("promoter")
        self.seen_by("flux-bot").set_status(
            self.base, CommitStatus("flux/staging", StatusState.SUCCESS)
        )
        self.pull = self.propose()

    def copied(self, target: Path) -> Story:
        """The same in another folder."""
        story = copy.copy(self)
        story.folder, story.origin = target / self.folder.name, target / self.origin.name
        shutil.copytree(self.folder, story.folder, symlinks=True)
        shutil.copytree(self.origin, story.origin, symlinks=True)
        story.forge = story.seen_by("promoter")
        story.pull = story.forge.get(self.pull.number)
        return story

    def seen_by(self, login: str) -> LocalForge:
        return LocalForge(self.origin, login, now=lambda: NOW, teams={"security": ["sec"]})

    def witness(self, result: str = "pass") -> None:
        value = {
            "version": 1,
            "type": "traffic",
            "env": "staging",
            "cluster": "eu",
            "subjectTree": self.tree,
            "observedAt": (NOW - dt.timedelta(hours=2)).isoformat(),
            "result": result,
        }
        path = "promotion/evidence/staging/probe/one.json"
        commit(self.folder, {path: json.dumps(value)}, "evidence", day=6)

    def propose(self) -> PullRequest:
        record = promote(self.folder, "prod", day=6).record
        branch = names.branch(record)
        git(self.folder, "branch", "--quiet", branch)
        git(self.folder, "reset", "--quiet", "--hard", self.base)
        git(self.folder, "push", "--quiet", "origin", branch)
        return self.forge.create(Draft(branch, "main", "t", "b", names.labels(record)))

    def push_main(self) -> None:
        """Main is what the working tree has committed."""
        git(self.folder, "push", "--quiet", "origin", "HEAD:main")

    def approve(self) -> None:
        self.seen_by("ruth").review(self.pull.number)

    def run(
        self, clock: Clock = CLOCK, expected: ExpectedChecks | None = None
    ) -> PostedJudgement | FailedJudgement:
        with Repository(self.folder) as repository:
            git(self.folder, "fetch", "--quiet", "origin")
            base = base_of(
                repository, "origin/main", clock=clock, forge=self.forge, without_forge=""
            )
            (pull,) = self.forge.list_open("main", "promote/")
            return gate(base, pull, expected or ExpectedChecks())

    def gated(
        self, clock: Clock = CLOCK, expected: ExpectedChecks | None = None
    ) -> PostedJudgement:
        found = self.run(clock, expected)
        assert isinstance(found, PostedJudgement)
        return found

    def statuses(self) -> dict[str, str]:
        sha = self.forge.get(self.pull.number).head_sha
        return {
            status.context.removeprefix("promotion/"): str(status.state)
            for status in self.forge.get_statuses(sha)
        }

    def description(self, context: str) -> str:
        sha = self.forge.get(self.pull.number).head_sha
        return next(
            status.description
            for status in self.forge.get_statuses(sha)
            if status.context == f"promotion/{context}"
        )
