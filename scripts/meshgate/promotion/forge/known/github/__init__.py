"""GitHub, in the cloud or on a server of one's own."""

from __future__ import annotations

from meshgate.promotion.forge.known.github.api import PUBLIC, Api
from meshgate.promotion.forge.known.github.forge import GitHubForge
from meshgate.promotion.forge.settings import ForgeSettings

__all__ = ["GitHubForge", "connect"]


def connect(settings: ForgeSettings) -> GitHubForge:
    """The forge at MESHGATE_FORGE_URL (the API's address), or github.com."""
    complete = settings.required(PUBLIC)
    return GitHubForge(Api(complete.url, complete.token), complete.project)
