"""Run the tests that every forge must pass against a real Gitea, which is started for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.gitea import Gitea, gitea
from forge_worlds import ADMIN, GITEA_VARIABLE, ORGANISATION, PROMOTER, REVIEWER

TESTS = Path(__file__).parents[1] / "test_forge_contract.py"


def people(server: Gitea) -> None:
    """The users, and an organisation whose members may push."""
    server.add_user(ADMIN, administrator=True)
    for login in (PROMOTER, REVIEWER):
        server.add_user(login)
    server.call(ADMIN, "POST", "orgs", {"username": ORGANISATION})
    for team, members in (("writers", (PROMOTER, REVIEWER)), ("sre", (PROMOTER, REVIEWER))):
        rights = {"name": team, "includes_all_repositories": True, "permission": "write"}
        units = ["repo.code", "repo.issues", "repo.pulls"]
        made = server.call(ADMIN, "POST", f"orgs/{ORGANISATION}/teams", {**rights, "units": units})
        for login in members:
            server.call(ADMIN, "PUT", f"teams/{made['id']}/members/{login}")


def main(arguments: list[str]) -> int:
    """Pytest's exit code; `arguments` go to pytest."""
    with tempfile.TemporaryDirectory(prefix="meshgate-forge-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with gitea(folder) as server:
            people(server)
            access = {GITEA_VARIABLE: json.dumps([server.url, server.tokens])}
            argv = [sys.executable, "-m", "pytest", str(TESTS), "-q", "-k", "gitea", *arguments]
            return subprocess.run(argv, env={**os.environ, **access}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
