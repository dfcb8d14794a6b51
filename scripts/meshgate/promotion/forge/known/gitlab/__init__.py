"""GitLab, in the cloud or on a server of one's own."""

from __future__ import annotations

from meshgate.promotion.forge.known.gitlab.api import PUBLIC, Api
from meshgate.promotion.forge.known.gitlab.forge import GitLabForge
from meshgate.promotion.forge.settings import ForgeSettings

__all__ = ["GitLabForge", "connect"]


def connect(settings: ForgeSettings) -> GitLabForge:
    """The forge at MESHGATE_FORGE_URL, or gitlab.com."""
    complete = settings.required(PUBLIC)
    return GitLabForge(Api(complete.url, complete.token), complete.project)
