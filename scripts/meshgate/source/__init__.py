"""From files to resources: read, render, survey, and tell where each value was written.

Everything is imported on first use, so that a command pays only for what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshgate.source.dump import dump
    from meshgate.source.load import (
        CLUSTER_WIDE,
        Loaded,
        as_foreign,
        read,
        read_folder,
        read_path,
    )
    from meshgate.source.locate import Locator

__all__ = [
    "CLUSTER_WIDE",
    "Loaded",
    "Locator",
    "as_foreign",
    "dump",
    "read",
    "read_folder",
    "read_path",
]

HOMES = {
    "dump": ("dump",),
    "locate": ("Locator",),
    "load": ("CLUSTER_WIDE", "Loaded", "as_foreign", "read", "read_folder", "read_path"),
}
_HOME = {name: module for module, names in HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
