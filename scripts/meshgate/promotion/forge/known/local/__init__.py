"""A bare repository and a JSON file: a forge for demonstrations and tests, without a server."""

from __future__ import annotations

from pathlib import Path

from meshgate.errors import UsageError
from meshgate.promotion.forge.known.local.forge import LocalForge
from meshgate.promotion.forge.settings import ForgeSettings

__all__ = ["LocalForge", "connect"]

LOGIN = "promoter"


def connect(settings: ForgeSettings) -> LocalForge:
    """The forge of the bare repository MESHGATE_FORGE_URL; the token is just the account's name."""
    path = Path(settings.url.removeprefix("file://"))
    if not settings.url or not (path / "objects").is_dir():
        raise UsageError(
            f"the forge local needs a bare repository, which {settings.url or 'nothing'!r} is not",
            hint="git init --bare demo.git, and MESHGATE_FORGE_URL=demo.git",
        )
    return LocalForge(path, settings.token or LOGIN)
