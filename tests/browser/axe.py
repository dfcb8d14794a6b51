"""axe-core, which judges pages by WCAG: from npm at the version of pyproject.toml, by digest.

`python tests/browser/axe.py` brings it into the user's cache.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from meshgate.errors import ToolError
from meshgate.tools import tools_folder

NAME = "axe-core"
TABLE = Path(__file__).parents[2] / "pyproject.toml"
RUN = """
axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
  resultTypes: ["violations"],
}).then(({ violations }) => violations.map(({ id, nodes }) =>
  [id, nodes.slice(0, 5).map(({ html, failureSummary }) => `${html}: ${failureSummary}`)]))
"""


def script() -> str:
    """What a page evaluates to `[[rule, elements], …]`. Raises ToolError where axe is missing."""
    path = file()
    if not path.is_file():
        raise ToolError(f"{NAME} is not there", hint="python tests/browser/axe.py")
    return f"{path.read_text(encoding='utf-8')}\n{RUN}"


def file() -> Path:
    """Where the script lies."""
    return tools_folder() / f"{NAME}-{entry()['version']}" / "axe.min.js"


def entry() -> dict[str, str]:
    """Its entry in the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["tool"]["meshgate"]["npm"]
    found: dict[str, str] = table[NAME]
    return found


def bring() -> None:
    """Download, compare the digest, write."""
    about = entry()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{NAME}@{about['version']}", "--pack-destination", folder],
            check=True,
            stdout=sys.stderr,
        )
        with tarfile.open(Path(folder, f"{NAME}-{about['version']}.tgz")) as archive:
            member = archive.extractfile(about["member"])
            assert member is not None
            content = member.read()
    digest = hashlib.sha256(content).hexdigest()
    if digest != about["sha256"]:
        raise ToolError(f"{NAME} {about['version']} has the digest {digest}", why="Another one.")
    file().parent.mkdir(parents=True, exist_ok=True)
    file().write_bytes(content)


if __name__ == "__main__" and not file().is_file():
    bring()
