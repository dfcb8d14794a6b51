"""Forges: where pull requests live. `Forge` is all that promotion asks of them."""

from __future__ import annotations

from meshgate.promotion.forges.best_effort import BestEffort
from meshgate.promotion.forges.forge import (
    CommitStatus,
    Draft,
    Forge,
    ForgeRefusedError,
    HeadMovedError,
    Merged,
    NoDifferenceError,
    PullRequest,
    Review,
    StatusState,
)
from meshgate.promotion.forges.registry import forge_names, open_forge
from meshgate.promotion.forges.settings import ForgeSettings, settings_from

__all__ = [
    "BestEffort",
    "CommitStatus",
    "Draft",
    "Forge",
    "ForgeRefusedError",
    "ForgeSettings",
    "HeadMovedError",
    "Merged",
    "NoDifferenceError",
    "PullRequest",
    "Review",
    "StatusState",
    "forge_names",
    "open_forge",
    "settings_from",
]
