"""From a forge's name to the forge: a module here with `connect(settings) -> Forge`."""

from __future__ import annotations

import importlib

from meshgate.errors import UsageError, missing_libraries
from meshgate.promotion.forges.forge import Forge
from meshgate.promotion.forges.settings import ALIASES, ForgeSettings

# Their modules: each is imported when it is asked for, since some need an extra.
FORGES = ("gitea", "github", "gitlab", "local", "none")


def forge_names() -> tuple[str, ...]:
    """Every name that `--forge` takes."""
    return (*FORGES, *ALIASES)


def open_forge(settings: ForgeSettings) -> Forge:
    """The forge of these settings; nothing is sent before its first verb.

    Raises UsageError for an unknown name or a missing setting, ToolError when the forge's client
    library is not installed.
    """
    name = ALIASES.get(settings.forge, settings.forge)
    if name not in forge_names():
        raise UsageError(
            f"there is no forge {settings.forge!r}", hint=f"use one of {', '.join(forge_names())}"
        )
    try:
        module = importlib.import_module(f"{__package__}.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("meshgate"):
            raise
        raise missing_libraries(error.name or name, use=f"The forge {name}") from error
    forge: Forge = module.connect(settings)
    return forge
