"""Forges: where pull requests live. `Forge` is all that promotion asks of them."""

from __future__ import annotations

from meshgate.promotion.forge.degraded import Degraded
from meshgate.promotion.forge.forge import (
    CommitStatus,
    Draft,
    Forge,
    HeadMovedError,
    Merged,
    NoDifferenceError,
    PullRequest,
    RefusedError,
    Review,
    StatusState,
)
from meshgate.promotion.forge.registry import forge_names, open_forge
from meshgate.promotion.forge.settings import ForgeSettings, settings_from

__all__ = [
    "CommitStatus",
    "Degraded",
    "Draft",
    "Forge",
    "ForgeSettings",
    "HeadMovedError",
    "Merged",
    "NoDifferenceError",
    "PullRequest",
    "RefusedError",
    "Review",
    "StatusState",
    "forge_names",
    "open_forge",
    "settings_from",
]
