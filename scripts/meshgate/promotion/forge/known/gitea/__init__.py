"""Gitea and Forgejo, which share one API."""

from __future__ import annotations

from meshgate.promotion.forge.known.gitea.api import Api
from meshgate.promotion.forge.known.gitea.forge import GiteaForge
from meshgate.promotion.forge.settings import ForgeSettings

__all__ = ["GiteaForge", "connect"]


def connect(settings: ForgeSettings) -> GiteaForge:
    """The forge at MESHGATE_FORGE_URL."""
    complete = settings.required()
    return GiteaForge(Api(complete.url, complete.token), complete.project)
