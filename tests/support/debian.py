"""Packages of Debian, unpacked into the user's cache.

Unpacked, not installed: an installed one might start its own service.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def unpacked(package: str) -> Path:
    """The folder with a package's files. Raises LookupError where it is not to be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "meshgate" / "debian" / package
    if not folder.is_dir():
        _unpack(package, folder)
    return folder


def _unpack(package: str, folder: Path) -> None:
    if shutil.which("apt-get") is None:
        raise LookupError(f"{package} is missing, and there is no apt-get; install {package}")
    with tempfile.TemporaryDirectory() as scratch:
        done = _apt("download", package, cwd=scratch)
        if done.returncode and os.geteuid() == 0:
            _apt("update", "--quiet", cwd=scratch)
            done = _apt("download", package, cwd=scratch)
        packages = list(Path(scratch).glob("*.deb"))
        if not packages:
            raise LookupError(
                f"Debian's package {package} is missing and cannot be had: "
                f"{done.stderr.strip()[-500:]}\nhint: apt-get install {package}"
            )
        # Renamed when whole: an unpacking that was broken off must not look like a package.
        whole = folder.with_name(f"{folder.name}.{os.getpid()}")
        whole.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "--extract", packages[0], whole], check=True, timeout=120)
        whole.rename(folder)


def _apt(*arguments: str, cwd: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get to its end."""
    return subprocess.run(
        ["apt-get", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )
