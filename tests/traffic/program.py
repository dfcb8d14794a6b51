"""Debian's Prometheus: the one that is installed, or its package unpacked into the user's cache.

Unpacked, not installed: an installed one would start its own service.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MISSING = 4
PACKAGE = "prometheus"
PROGRAM = "usr/bin/prometheus"


def program() -> Path:
    """The program. Raises LookupError, with the way out, where there is none to be had."""
    installed = shutil.which(PACKAGE)
    if installed is not None:
        return Path(installed)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "meshgate" / "debian" / PACKAGE
    if not (folder / PROGRAM).is_file():
        unpack(folder)
    return folder / PROGRAM


def unpack(folder: Path) -> None:
    """Download Debian's package and unpack it."""
    if shutil.which("apt-get") is None:
        raise LookupError("prometheus is missing, and there is no apt-get; install prometheus")
    with tempfile.TemporaryDirectory() as scratch:
        done = apt("download", PACKAGE, cwd=scratch)
        if done.returncode and os.geteuid() == 0:
            apt("update", "--quiet", cwd=scratch)
            done = apt("download", PACKAGE, cwd=scratch)
        packages = list(Path(scratch).glob("*.deb"))
        if not packages:
            raise LookupError(
                f"Debian's package {PACKAGE} is missing and cannot be had: "
                f"{done.stderr.strip()[-500:]}\nhint: apt-get install {PACKAGE}"
            )
        # Renamed when whole: an unpacking that was broken off must not look like a program.
        whole = folder.with_name(f"{folder.name}.{os.getpid()}")
        whole.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "--extract", packages[0], whole], check=True, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)


def apt(*arguments: str, cwd: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get to its end."""
    return subprocess.run(
        ["apt-get", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


if __name__ == "__main__":
    try:
        print(program())
    except LookupError as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING)
