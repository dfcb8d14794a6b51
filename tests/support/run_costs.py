"""What a run of tests need not pay for: compiling twice, disks, and looking for garbage in vain."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
# Containers often have 64 MiB there; a run needs a tenth of this.
ENOUGH = 4 * 2**30

# Nothing that tests make is to outlast a power failure, nor is it ever tidied up; hooks that are
# samples are a dozen files in every repository.
GIT_SETTINGS = """\
[core]
	fsync = none
[gc]
	auto = 0
[init]
	templateDir = {}
[maintenance]
	auto = false
[receive]
	autoGC = false
"""


def keep_bytecode() -> None:
    """Let each module be compiled once, and not by every process that a test starts.

    Where the machine wants no `__pycache__` beside the sources, in the user's cache.
    """
    if sys.dont_write_bytecode:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        sys.pycache_prefix = str(folder / "meshgate" / "bytecode")
        sys.dont_write_bytecode = False
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
        del os.environ["PYTHONDONTWRITEBYTECODE"]


def prefer_memory() -> None:
    """Have temporary files in memory, where there is room and programs in it may be run.

    Tests make and remove a hundred thousand folders. Whoever sets TMPDIR or `--basetemp` decides.
    """
    if "TMPDIR" in os.environ or "PYTEST_XDIST_WORKER" in os.environ or not MEMORY.is_dir():
        return
    there = os.statvfs(MEMORY)
    if there.f_flag & os.ST_NOEXEC or there.f_bavail * there.f_frsize < ENOUGH:
        return
    if os.access(MEMORY, os.W_OK):
        os.environ["TMPDIR"] = str(MEMORY)
        # Asked for before.
        tempfile.tempdir = None


def git_settings(folder: Path) -> Path:
    """A file of git's settings for tests, in an empty folder."""
    template = folder / "template"
    (template / "hooks").mkdir(parents=True)
    (template / "info").mkdir()
    settings = folder / "config"
    settings.write_text(GIT_SETTINGS.format(template), encoding="utf-8")
    return settings


def spare_what_stays() -> None:
    """Keep modules and tests, which live to the end, out of every later search for garbage.

    And search more rarely: what tests keep is looked through each time, a tenth of their time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
