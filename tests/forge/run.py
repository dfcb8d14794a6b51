"""Start a real Gitea, hold the forge's client against it, and play the story of promotion.

`python tests/forge/run.py [story|attacks|contract]...`: without a word, all. Gitea is built once,
into the user's cache; it listens on loopback only and ends with this program.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e.gitea import gitea
from forge import attacks
from forge.contract import contract
from forge.people import settle
from forge.stage import StoryError
from forge.story import play

# git as it is anywhere: none of the machine's own settings.
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.com",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.com",
}


def main(arguments: list[str]) -> int:
    """0 when all went as it should."""
    wanted = arguments or ["story", "attacks", "contract"]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshgate-forge-")))
        # Gitea runs as another user where this runs as root.
        folder.chmod(0o755)
        server = stack.enter_context(gitea(folder))
        # Not before: Gitea keeps git settings of its own.
        os.environ.update(GIT)
        # Its people type at machines of their own: what a job asks for names no person (PR05).
        os.environ.pop("CI", None)
        settle(server)
        tests = None
        if "contract" in wanted:
            tests = stack.enter_context(contract(server, folder / "contract.log"))
        try:
            if "story" in wanted:
                play(server, folder)
            if "attacks" in wanted:
                attacks.play(server, folder)
        except StoryError as error:
            sys.stderr.write(f"\n{error}\n")
            return 1
        return tests.wait() if tests else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
