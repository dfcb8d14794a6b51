"""Forges: where pull requests live. One module each; `Forge` is all that promotion asks of them."""

from __future__ import annotations

from meshgate.promotion.forge.forge import (
    CommitStatus,
    Draft,
    Forge,
    HeadMovedError,
    Merged,
    PullRequest,
    Review,
    StatusState,
)

__all__ = [
    "CommitStatus",
    "Draft",
    "Forge",
    "HeadMovedError",
    "Merged",
    "PullRequest",
    "Review",
    "StatusState",
]
