"""What the story is played on: a clone, the real command line, Gitea's own API, and a narrator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from e2e.gitea import Gitea
from forge_worlds import ADMIN, ORGANISATION, PROMOTER, REVIEWER
from meshgate.model import JSON
from meshgate.promotion.forges import Forge, ForgeSettings, open_forge
from promoted import START, commit, git

PROJECT = f"{ORGANISATION}/mesh-policies"
# Gitea does some of its work in the background.
SOON = 15.0
LOOKED = 2.0


class StoryError(Exception):
    """The story went another way than it should."""


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """The one line that tells most: the last of the errors' first paragraph, or of the rest."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[0].removeprefix("meshgate: ") if lines else ""


class Stage:
    """One clone of the repository, and whoever acts in it."""

    def __init__(self, server: Gitea, clone: Path, project: str = PROJECT) -> None:
        self.server = server
        self.clone = clone
        self.project = project
        self.began = time.monotonic()

    def chapter(self, title: str) -> None:
        sys.stdout.write(f"\n{title}\n")

    def tell(self, sentence: str) -> None:
        """A step that went as it should."""
        spent = time.monotonic() - self.began
        sys.stdout.write(f"  {spent:5.1f} s  {sentence}\n")
        sys.stdout.flush()

    def expect(self, holds: object, sentence: str, detail: object = "") -> None:
        """Tell a step, or end the story where it does not hold."""
        if not holds:
            raise StoryError(f"NOT SO: {sentence}\n{detail}")
        self.tell(sentence)

    def meshgate(self, *arguments: str, code: int | tuple[int, ...] = 0) -> Said:
        """Run the command line as the promoter in the clone; it must end with one of `code`."""
        environment = {
            **os.environ,
            "MESHGATE_FORGE": "gitea",
            "MESHGATE_FORGE_URL": self.server.url,
            "MESHGATE_FORGE_PROJECT": self.project,
            "MESHGATE_FORGE_TOKEN": self.server.tokens[PROMOTER],
        }
        argv = [sys.executable, "-m", "meshgate", "-C", str(self.clone), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
        said = Said(done.returncode, done.stdout, done.stderr)
        for token in self.server.tokens.values():
            if token in said.out + said.err:
                raise StoryError(f"meshgate {' '.join(arguments)} printed a token")
        if said.code not in (code if isinstance(code, tuple) else (code,)):
            raise StoryError(
                f"meshgate {' '.join(arguments)} ended with {said.code}, not {code}\n"
                f"{said.out}\n{said.err}"
            )
        return said

    def opened(self, *arguments: str) -> JSON:
        """What a command proposes, as its JSON."""
        (proposal,) = json.loads(self.meshgate(*arguments, "--format", "json").out)["proposals"]
        return proposal

    def forge(self, login: str = PROMOTER) -> Forge:
        """Meshgate's own client."""
        token = self.server.tokens[login]
        return open_forge(ForgeSettings("gitea", self.server.url, self.project, token))

    def ask(self, login: str, method: str, path: str, body: JSON = None) -> JSON:
        """Gitea's API below the repository, as a person's browser would use it."""
        return self.server.call(login, method, f"repos/{self.project}/{path}", body)

    def approve(self, number: int, login: str = REVIEWER) -> None:
        body = {"event": "APPROVED", "body": "Seen."}
        self.ask(login, "POST", f"pulls/{number}/reviews", body)

    def gate_state(self, number: int) -> tuple[str, str]:
        """The required status on a pull request's head, and its words."""
        forge = self.forge()
        found = {one.context: one for one in forge.get_statuses(forge.get(number).head_sha)}
        status = found["promotion/gate"]
        return str(status.state), status.description

    def change(self, files: Mapping[str, str], message: str, *, removed: str = "") -> str:
        """New inputs on main, by the administrator; the commit's id."""
        self.update()
        if removed:
            (self.clone / removed).unlink()
        return self.publish(files, message)

    def publish(self, files: Mapping[str, str], message: str) -> str:
        """The same with all that has changed in the clone."""
        made = commit(self.clone, files, message, day=self.days())
        git(self.clone, "push", "--quiet", self.server.remote(ADMIN, self.project), "HEAD:main")
        git(self.clone, "fetch", "--quiet", "origin")
        return made

    def update(self) -> None:
        """Bring the clone's main up to date."""
        git(self.clone, "fetch", "--quiet", "origin")
        git(self.clone, "switch", "--quiet", "main")
        git(self.clone, "reset", "--quiet", "--hard", "origin/main")

    def push_onto(self, branch: str, message: str) -> str:
        """Somebody adds an empty commit to a branch."""
        git(self.clone, "fetch", "--quiet", "origin")
        git(self.clone, "switch", "--quiet", "--detach", f"origin/{branch}")
        made = commit(self.clone, {}, message, day=self.days())
        git(self.clone, "push", "--quiet", "origin", f"HEAD:{branch}")
        self.wait_for_head(branch, made)
        git(self.clone, "switch", "--quiet", "main")
        return made

    def wait_for_head(self, branch: str, commit_id: str) -> None:
        """Gitea takes note of a push in the background."""
        end = time.monotonic() + SOON
        while time.monotonic() < end:
            pull = self.forge().find_open(branch, "main")
            if pull is None or pull.head_sha == commit_id:
                return
            time.sleep(0.1)
        raise StoryError(f"Gitea does not show {commit_id} on {branch}")

    def mergeable(self, number: int) -> bool:
        """Whether Gitea can merge a pull request. It says no, too, before it has looked."""
        end = time.monotonic() + LOOKED
        while time.monotonic() < end:
            if self.ask(PROMOTER, "GET", f"pulls/{number}")["mergeable"]:
                return True
            time.sleep(0.25)
        return False

    def rendered(self, environment: str, sequence: int) -> str:
        """Git's id of what a record of an environment rendered."""
        (file,) = (self.clone / "promotion/ledger" / environment).glob(f"{sequence:04d}-*.yaml")
        tree: str = yaml.safe_load(file.read_text())["rendered"]["tree"]
        return tree

    def source(self, environment: str) -> str:
        """The commit that an environment's release comes from."""
        file = self.clone / f"promotion/state/{environment}.yaml"
        commit_id: str = yaml.safe_load(file.read_text())["source"]["commit"]
        return commit_id

    def merge(self, number: int, method: str = "merge") -> str:
        """Gate and merge, as the jobs do; the commit on main."""
        self.meshgate("gate", str(number))
        done = self.meshgate("merge", str(number), "--method", method, "--format", "json")
        self.update()
        commit_id: str = json.loads(done.out)["merged"][0]["commit"]
        return commit_id

    def days(self) -> int:
        """Today, as the samples count: from their start."""
        return int((time.time() - START.timestamp()) // 86400)
