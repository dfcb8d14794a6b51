"""Run what README.md tells to run, as somebody does who has just cloned it: `nox -s readme`.

Each `sh` block goes to a shell of its own in a fresh clone, with an empty home; `-- 2` runs only the
second, after the first line of the first, which it stands on.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from try_it import elsewhere

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(arguments: list[str]) -> int:
    """Raises CalledProcessError where a block ends with another code than 0."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert blocks
    chosen = [blocks[int(number) - 1] for number in arguments] or blocks
    if chosen[0] != blocks[0]:
        chosen = [blocks[0].splitlines()[0], *chosen]
    with tempfile.TemporaryDirectory(prefix="meshgate-readme-") as folder:
        clone, home = Path(folder, "meshgate"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = elsewhere(home)
        for block in chosen:
            print(f"\n$ {block.strip()}", flush=True)
            subprocess.run(["bash", "-euc", block], cwd=clone, env=environment, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
