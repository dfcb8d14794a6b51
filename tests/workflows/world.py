"""A repository on a local forge, and `act`, which runs its workflows as GitHub would."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from e2e.parts import program
from fakes.github import NAME, OWNER, GitHub
from meshgate.model import JSONObject
from meshgate.promotion.forges import Draft, PullRequest
from meshgate.promotion.forges.local import LocalForge
from promoted import commit, git

ROOT = Path(__file__).parents[2]
ACTIONS = Path(__file__).parent / "actions"
USED = re.compile(r"uses: (actions/[a-z-]+)@([0-9a-f]{40})")
CALLED = re.compile(r"uses: \./\.github/workflows/(\S+)")
# What is of the policies, and not of the tool.
POLICIES = (
    *("policies", "overlays", "rendered", "promotion", "inventory", "waivers", "expectations"),
    *("sync", "environments.yaml", "evidence"),
)
GATE, PROMOTER, AUTHOR, REVIEWER = "gate-app", "promoter", "ann", "ruth"
SLUG = f"{OWNER}/{NAME}"


class WorkflowError(Exception):
    """A workflow ended otherwise than it should."""


class Ran(NamedTuple):
    """How a workflow ended, what it printed, and what its summary says."""

    code: int
    out: str


class World:
    """A bare repository, a clone to work in, the forge in front, and a Python for the jobs."""

    def __init__(self, folder: Path, fake: GitHub, teams: Mapping[str, list[str]]) -> None:
        self.folder, self.fake, self.teams = folder, fake, teams
        self.clone, self.origin = folder / "clone", folder / "origin.git"
        self.python = folder / "python"
        self.began = time.monotonic()

    def forge(self, login: str) -> LocalForge:
        return LocalForge(self.origin, login, teams=self.teams)

    def opened(self, branch: str, login: str = AUTHOR) -> PullRequest:
        """Push the clone's branch, and open its pull request."""
        git(self.clone, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        git(self.clone, "fetch", "--quiet", "origin")
        return self.forge(login).create(Draft(branch, "main", branch, ""))

    def changed(self, branch: str, files: Mapping[str, str], message: str) -> PullRequest:
        """The pull request of one commit on main."""
        self.update()
        git(self.clone, "switch", "--quiet", "-C", branch)
        commit(self.clone, files, message, day=_today())
        pull = self.opened(branch)
        git(self.clone, "switch", "--quiet", "main")
        return pull

    def update(self) -> None:
        git(self.clone, "fetch", "--quiet", "--prune", "origin")
        git(self.clone, "switch", "--quiet", "main")
        git(self.clone, "reset", "--quiet", "--hard", "origin/main")

    def merged(self, pull: PullRequest, login: str = REVIEWER) -> None:
        """A person merges."""
        self.forge(login).merge(
            pull.number, head_sha=pull.head_sha, method="merge", message=f"Merge #{pull.number}"
        )
        self.update()

    def on_pull_request(self, pull: PullRequest) -> JSONObject:
        """The event, and the merge that GitHub makes for it."""
        ref = f"refs/pull/{pull.number}/merge"
        git(self.clone, "fetch", "--quiet", "origin", pull.head_sha)
        git(self.clone, "switch", "--quiet", "--detach", "origin/main")
        git(self.clone, "merge", "--quiet", "--no-ff", "-m", "merge", pull.head_sha)
        git(self.clone, "push", "--quiet", "--force", "origin", f"HEAD:{ref}")
        git(self.clone, "switch", "--quiet", "main")
        side = {"repo": {"full_name": SLUG, "default_branch": "main"}}
        return {
            "action": "synchronize",
            "number": pull.number,
            "ref": ref,
            "repository": _REPOSITORY,
            "pull_request": {
                "number": pull.number,
                "head": {"ref": pull.head, "sha": pull.head_sha, **side},
                "base": {"ref": "main", "sha": git(self.clone, "rev-parse", "origin/main"), **side},
            },
        }

    def on_main(self) -> JSONObject:
        """The event of a push, a schedule or a dispatch on main."""
        return {"ref": "refs/heads/main", "repository": _REPOSITORY}

    def act(
        self,
        event: str,
        workflow: str,
        payload: JSONObject,
        *options: str,
        code: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a workflow of the clone; it must end well (0) or badly (1)."""
        # What act takes the repository's name from; nothing is asked of it.
        git(self.clone, "config", "remote.github.url", f"https://github.com/{SLUG}.git")
        file = self.folder / "event.json"
        file.write_text(json.dumps(payload))
        path = self.clone / ".github/workflows" / f"{workflow}.yml"
        given = {
            "WORKFLOWS_ORIGIN": str(self.origin),
            "WORKFLOWS_PYTHON": str(self.python / "bin"),
            "MESHGATE_FORGE_URL": self.fake.url,
            "MESHGATE_FORGE_PROJECT": SLUG,
            "UV_OFFLINE": "1",
            "PIP_NO_INDEX": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **(environment or {}),
        }
        argv = [
            str(program("act")),
            event,
            *("--directory", str(self.clone), "--workflows", str(path), "--eventpath", str(file)),
            *("--platform", "ubuntu-24.04=-self-hosted", "--no-skip-checkout"),
            *(
                "--remote-name",
                "github",
                "--action-offline-mode",
                "--no-cache-server",
                "--actor",
                AUTHOR,
            ),
            *("--action-cache-path", str(self.folder / "act"), "--defaultbranch", "main"),
            *("--var", f"GATE_APP_ID={GATE}", "--var", f"PROMOTE_APP_ID={PROMOTER}"),
            *(
                "--secret",
                "GATE_APP_KEY=of-the-gate",
                "--secret",
                "PROMOTE_APP_KEY=of-the-promoter",
            ),
            *("--secret", "GITHUB_TOKEN=token-of-github-actions", "--concurrent-jobs", "1"),
            *(part for name, value in given.items() for part in ("--env", f"{name}={value}")),
            *(part for pair in _stand_ins(path) for part in ("--local-repository", pair)),
            *options,
        ]
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
        )
        ran = Ran(done.returncode, done.stdout + done.stderr)
        if ran.code != code:
            raise WorkflowError(f"{workflow} ended with {ran.code}, not {code}\n{ran.out[-6000:]}")
        return ran

    def chapter(self, title: str) -> None:
        sys.stdout.write(f"\n{title}\n")

    def tell(self, sentence: str) -> None:
        sys.stdout.write(f"  {time.monotonic() - self.began:5.1f} s  {sentence}\n")
        sys.stdout.flush()

    def expect(self, holds: object, sentence: str, detail: object = "") -> None:
        """Tell a step, or end where it does not hold."""
        if not holds:
            raise WorkflowError(f"NOT SO: {sentence}\n{detail}")
        self.tell(sentence)


_REPOSITORY = {"full_name": SLUG, "name": NAME, "default_branch": "main", "owner": {"login": OWNER}}


def _stand_ins(workflow: Path) -> Iterator[str]:
    text = workflow.read_text(encoding="utf-8")
    # Those that it calls take actions, too.
    for called in CALLED.findall(text):
        text += (workflow.parent / called).read_text(encoding="utf-8")
    for name, version in dict.fromkeys(USED.findall(text)):
        yield f"{name}@{version}={ACTIONS / name.partition('/')[2]}"


def _today() -> int:
    from forge.stage import Stage  # noqa: PLC0415 - the samples' way to count days

    return Stage.days(None)  # type: ignore[arg-type] # it asks nothing of itself


def tool_files(folder: Path, *, policies: bool) -> Path:
    """This repository as it is committed, with its own policies or without any."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "HEAD"], capture_output=True, check=True
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    if not policies:
        for name in POLICIES:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return folder


def prepare_python(folder: Path) -> None:
    """What `setup-python` finds: a Python whose pip has nothing to fetch for the bootstrap."""
    python = ["--python", str(folder / "bin/python")]
    locked = ["--require-hashes", "-r", str(ROOT / "bootstrap.txt")]
    subprocess.run(["uv", "venv", "--quiet", "--seed", str(folder)], check=True)
    subprocess.run(["uv", "pip", "install", "--quiet", *python, *locked], check=True)


@contextlib.contextmanager
def world(folder: Path, teams: Mapping[str, list[str]]) -> Iterator[World]:
    """A world without anything in it yet."""
    fake = GitHub(lambda login: LocalForge(folder / "origin.git", login, teams=teams))
    fake.page_limit = 100
    with fake.running():
        made = World(folder, fake, teams)
        prepare_python(made.python)
        yield made
