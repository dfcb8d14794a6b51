"""What tells this meshgate from any other: a verdict is kept for the one that gave it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

import meshgate
from meshgate.schema import catalog
from meshgate.source.cache import digest

PACKAGE = Path(meshgate.__file__).parent


@functools.cache
def fingerprint() -> str:
    """A digest of the version, of every file of the package and its schemas, and of what runs it.

    Of files the size and the time of the last change: a checkout has one version all day long.
    """
    libraries = Path(msgspec.__file__).parents[1]
    parts = [meshgate.__version__, sys.version]
    # What is installed beside it, with its version: `msgspec-0.20.0.dist-info`.
    parts += sorted(name for name in os.listdir(libraries) if name.endswith(".dist-info"))  # noqa: PTH208 - names are what is wanted
    for folder in (PACKAGE, catalog.folder()):
        parts += sorted(_files(os.fspath(folder), ""))
    return digest(*parts)


def _files(folder: str, name: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            own = f"{name}/{entry.name}"
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path, own)
            else:
                state = entry.stat()
                yield f"{own} {state.st_size} {state.st_mtime_ns}"
