"""Repositories with a forge in front, for the tests that every forge must pass."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from fakes import github, gitlab
from meshgate.model import JSON
from meshgate.promotion.forges import Draft, Forge, ForgeSettings, open_forge
from meshgate.promotion.forges.local import LocalForge

PROMOTER = "promoter"
REVIEWER = "ruth"
BRANCH = "promote/prod/r-0123456789ab"
ADMIN = "admin"
ORGANISATION = "acme"
# `[url, {login: token}]` of a Gitea that runs.
GITEA_VARIABLE = "MESHGATE_TEST_GITEA"
IDENTITY = ("-c", "user.name=A Test", "-c", "user.email=test@example.com")


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it prints."""
    argv = ("git", "-C", str(folder), *IDENTITY, *arguments)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def draft(branch: str = BRANCH, **changes: str) -> Draft:
    """A draft of a promotion."""
    title = changes.get("title", "promote(prod): 2026-08-22.3")
    body = changes.get("body", "What it does.")
    return Draft(branch, "main", title, body, ("env/prod", "promotion"))


class World(ABC):
    """A clone to push from, the forge as the promoter sees it, and what other people do."""

    # How this forge can merge at a pinned commit.
    methods: tuple[str, ...] = ("merge", "squash", "rebase")

    def __init__(self, clone: Path, forge: Forge) -> None:
        self.clone = clone
        self.forge = forge

    @abstractmethod
    def seen_by(self, login: str) -> Forge:
        """The same forge with somebody else's token."""

    @abstractmethod
    def review(self, number: int, state: str) -> None:
        """The reviewer's verdict on the head as it is."""

    @abstractmethod
    def label(self, number: int, label: str) -> None:
        """A person adds a label."""

    @abstractmethod
    def comments(self, number: int) -> list[tuple[str, str]]:
        """Author and text of every comment, oldest first."""

    def push(self, branch: str, start: str = "origin/main", **files: str) -> str:
        """One commit on `branch`, made from `start` and pushed; its id."""
        git(self.clone, "fetch", "-q", "origin")
        git(self.clone, "switch", "-q", "-C", branch, start)
        for name, text in files.items():
            (self.clone / name).write_text(text, encoding="utf-8")
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "-q", "-m", f"Change {', '.join(files)}\n\nBy hand.")
        git(self.clone, "push", "-q", "--force", "origin", branch)
        return git(self.clone, "rev-parse", "HEAD")

    def tip(self, branch: str = "main") -> str:
        git(self.clone, "fetch", "-q", "origin")
        return git(self.clone, "rev-parse", f"origin/{branch}")

    def subject(self, commit: str) -> str:
        return git(self.clone, "show", "-s", "--format=%s", commit)

    def parents(self, commit: str) -> int:
        return len(git(self.clone, "show", "-s", "--format=%P", commit).split())


class LocalWorld(World):
    """A bare repository, seen by the forge `local` or by a fake that stands before it."""

    def __init__(self, origin: Path, clone: Path, forge: Forge | None = None) -> None:
        self.origin = origin
        super().__init__(clone, forge or self.seen_by(PROMOTER))

    def seen_by(self, login: str) -> LocalForge:
        return LocalForge(self.origin, login, teams={"sre": [REVIEWER]})

    def review(self, number: int, state: str) -> None:
        self.seen_by(REVIEWER).review(number, state)

    def label(self, number: int, label: str) -> None:
        labels = self.seen_by(REVIEWER).get(number).labels
        self.seen_by(REVIEWER).put_labels(number, [*labels, label])

    def comments(self, number: int) -> list[tuple[str, str]]:
        return self.seen_by(REVIEWER).comments(number)


def repository(folder: Path, template: Path) -> tuple[Path, Path]:
    """A bare repository with one commit on main and a clone of it, copied from `template`."""
    if not template.exists():
        template.mkdir()
        git(template, "init", "-q", "--bare", "--template=", "-b", "main", "origin.git")
        git(template, "clone", "-q", "--template=", "origin.git", "clone")
        clone = template / "clone"
        git(clone, "switch", "-q", "-c", "main")
        (clone / "state").write_text("digest: 0\n", encoding="utf-8")
        git(clone, "add", "--all")
        git(clone, "commit", "-q", "-m", "Start")
        git(clone, "push", "-q", "origin", "main")
        git(clone, "remote", "set-url", "origin", "../origin.git")
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return folder / "origin.git", folder / "clone"


@contextlib.contextmanager
def local_world(folder: Path, template: Path) -> Iterator[World]:
    """The forge `local` itself."""
    yield LocalWorld(*repository(folder, template))


@contextlib.contextmanager
def github_world(folder: Path, template: Path) -> Iterator[World]:
    """GitHub's client before a fake of its API."""
    world = LocalWorld(*repository(folder, template))
    fake = github.GitHub(world.seen_by)
    with fake.running():
        token = f"token-of-{PROMOTER}"
        project = f"{github.OWNER}/{github.NAME}"
        world.forge = open_forge(ForgeSettings("github", fake.url, project, token))
        yield world


@contextlib.contextmanager
def gitlab_world(folder: Path, template: Path) -> Iterator[World]:
    """GitLab's client before a fake of its API."""
    world = LocalWorld(*repository(folder, template))
    world.methods = ("merge", "squash")
    fake = gitlab.GitLab(world.seen_by)
    with fake.running():
        token = f"token-of-{PROMOTER}"
        world.forge = open_forge(ForgeSettings("gitlab", fake.url, gitlab.PROJECT, token))
        yield world


class GiteaWorld(World):
    """A fresh repository of the organisation `acme` on a real Gitea."""

    def __init__(self, gitea: GiteaAccess, clone: Path) -> None:
        self.project = f"{ORGANISATION}/{secrets.token_hex(6)}"
        self.gitea = gitea
        owner, name = self.project.split("/")
        self.ask(ADMIN, "POST", f"orgs/{owner}/repos", {"name": name})
        scheme, host = gitea.url.split("://")
        token = gitea.tokens[PROMOTER]
        remote = f"{scheme}://{PROMOTER}:{token}@{host}/{self.project}.git"
        git(clone, "remote", "set-url", "origin", remote)
        git(clone, "push", "-q", "origin", "main")
        while self.ask(ADMIN, "GET", f"repos/{self.project}")["empty"]:
            time.sleep(0.02)  # Gitea takes note of the first push in the background
        super().__init__(clone, self.seen_by(PROMOTER))

    def seen_by(self, login: str) -> Forge:
        return open_forge(
            ForgeSettings("gitea", self.gitea.url, self.project, self.gitea.tokens[login])
        )

    def review(self, number: int, state: str) -> None:
        event = {"approved": "APPROVED", "changes-requested": "REQUEST_CHANGES"}[state]
        path = f"repos/{self.project}/pulls/{number}/reviews"
        self.ask(REVIEWER, "POST", path, {"event": event, "body": "Seen."})

    def label(self, number: int, label: str) -> None:
        made = self.ask(
            REVIEWER, "POST", f"repos/{self.project}/labels", {"name": label, "color": "#00aabb"}
        )
        path = f"repos/{self.project}/issues/{number}/labels"
        self.ask(REVIEWER, "POST", path, {"labels": [made["id"]]})

    def comments(self, number: int) -> list[tuple[str, str]]:
        listed = self.ask(ADMIN, "GET", f"repos/{self.project}/issues/{number}/comments")
        return [(entry["user"]["login"], entry["body"]) for entry in listed]

    def ask(self, login: str, method: str, path: str, body: JSON = None) -> JSON:
        answer = httpx.request(
            method,
            f"{self.gitea.url}/api/v1/{path}",
            headers={"Authorization": f"token {self.gitea.tokens[login]}"},
            json=body,
        )
        assert answer.is_success, answer.text
        return answer.json()


class GiteaAccess(NamedTuple):
    """Where a Gitea is, and the tokens of its users by name."""

    url: str
    tokens: dict[str, str]


@contextlib.contextmanager
def gitea_world(folder: Path, template: Path) -> Iterator[World]:
    """A real Gitea, which `nox -s forge` has started."""
    url, tokens = json.loads(os.environ[GITEA_VARIABLE])
    _, clone = repository(folder, template)
    yield GiteaWorld(GiteaAccess(url, tokens), clone)


WORLDS: dict[str, Callable[[Path, Path], contextlib.AbstractContextManager[World]]] = {
    "local": local_world,
    "github": github_world,
    "gitlab": gitlab_world,
}
if GITEA_VARIABLE in os.environ:
    WORLDS["gitea"] = gitea_world
