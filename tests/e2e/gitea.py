"""A Gitea with its users and repositories: `with gitea(folder) as forge` needs no root."""

from __future__ import annotations

import getpass
import os
import pwd
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from e2e.apiserver import LOOPBACK, free_port
from e2e.build import ensure
from e2e.parts import parts, program
from e2e.processes import Processes, answers
from meshgate.errors import ToolError
from meshgate.model import JSON
from meshgate.process import run

# It refuses to run as root.
UNPRIVILEGED = "nobody"
COMMAND_TIMEOUT = 60.0
REQUEST_TIMEOUT = 30.0

SETTINGS = """\
APP_NAME = lab
RUN_MODE = prod
RUN_USER = {user}
WORK_PATH = {home}

[server]
HTTP_ADDR = {address}
HTTP_PORT = {port}
ROOT_URL = {url}/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = {static}
APP_DATA_PATH = {home}/data
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
PATH = {home}/data/gitea.db

[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
PASSWORD_HASH_ALGO = pbkdf2_v1
PASSWORD_COMPLEXITY = off

[repository]
ROOT = {home}/data/repositories
DEFAULT_BRANCH = main

[service]
DISABLE_REGISTRATION = true

[log]
MODE = console
LEVEL = warn

[webhook]
ALLOWED_HOST_LIST = loopback,private

[actions]
ENABLED = false

[indexer]
ISSUE_INDEXER_TYPE = db

[cron]
ENABLED = false

[oauth2]
ENABLED = false
JWT_SECRET = {jwt}
"""


@dataclass(frozen=True)
class Gitea:
    """A Gitea that runs, and the tokens of its users by name."""

    url: str
    _command: tuple[str, ...]
    _environment: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def add_user(self, name: str, *, administrator: bool = False) -> str:
        """Make a user with a token for everything, which is returned. Raises ToolError."""
        password = secrets.token_hex(8)
        options = ["--username", name, "--password", password, "--email", f"{name}@example.org"]
        options += ["--must-change-password=false"]
        options += ["--admin"] if administrator else []
        self._administer("create", *options)
        scope = ["--username", name, "--token-name", "lab", "--scopes", "all", "--raw"]
        self.tokens[name] = self._administer("generate-access-token", *scope)
        return self.tokens[name]

    def call(self, user: str, method: str, path: str, body: JSON = None) -> JSON:
        """Ask the API as a user; `path` is below /api/v1. Raises ToolError on any refusal."""
        answer = httpx.request(
            method,
            f"{self.url}/api/v1/{path}",
            headers={"Authorization": f"token {self.tokens[user]}"},
            json=body,
            timeout=REQUEST_TIMEOUT,
        )
        if answer.is_error:
            raise ToolError(
                f"Gitea: {method} {path} ended with {answer.status_code}", why=answer.text
            )
        return answer.json() if answer.content else None

    def remote(self, user: str, repository: str) -> str:
        """The address of a repository, with a user's token in it, for git."""
        scheme, host = self.url.split("://")
        return f"{scheme}://{user}:{self.tokens[user]}@{host}/{repository}.git"

    def _administer(self, *arguments: str) -> str:
        done = run(
            [*self._command, "admin", "user", *arguments],
            timeout=COMMAND_TIMEOUT,
            environment=self._environment,
        )
        if done.code != 0:
            raise ToolError(
                f"gitea admin user {arguments[0]} failed",
                why=done.stderr.strip() or done.stdout.decode("utf-8", "replace").strip(),
            )
        return done.stdout.decode().strip()


@contextmanager
def gitea(folder: Path, address: str = LOOPBACK) -> Iterator[Gitea]:
    """A Gitea on a free port of an address, its state and logs in `folder`; gone afterwards.

    Root is left for `nobody`, who must be able to reach `folder`. Raises ToolError.
    """
    ensure(["gitea"])
    with Processes(folder / "logs") as processes:
        yield start(processes, folder, address)


def start(processes: Processes, folder: Path, address: str) -> Gitea:
    """Start Gitea and wait until it answers."""
    home = folder / "gitea"
    (home / "data").mkdir(parents=True)
    # Copied: a user's cache is closed to the user it runs as.
    static, own = home / "static", home / "gitea"
    part = parts()["gitea"]
    own.write_bytes(program("gitea").read_bytes())
    own.chmod(0o755)
    for name in part.keep:
        shutil.copytree(part.file(name), static / name)
    is_root = os.geteuid() == 0
    user = UNPRIVILEGED if is_root else getpass.getuser()
    url = f"http://{address}:{free_port(address)}"
    settings = home / "app.ini"
    settings.write_text(
        SETTINGS.format(
            user=user,
            home=home,
            address=address,
            port=url.rpartition(":")[2],
            url=url,
            static=static,
            secret=secrets.token_hex(32),
            jwt=secrets.token_urlsafe(32),
        )
    )
    prefix: tuple[str, ...] = ()
    if is_root:
        _give(home, user)
        # Again: the wish to end with the harness is lost with the user.
        ending = ("--pdeathsig", "KILL")
        prefix = ("setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", *ending)
    command = (*prefix, str(own), "--config", str(settings))
    environment = {"HOME": str(home), "USER": user}
    process = processes.start("gitea", [*command, "web"], environment=environment, cwd=home)
    process.wait_for(lambda: answers(f"{url}/api/healthz"), "it answered")
    return Gitea(url, command, environment)


def _give(folder: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, entry.pw_uid, entry.pw_gid)
