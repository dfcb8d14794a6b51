"""The forge that a command talks to: one option, and the environment."""

from __future__ import annotations

import argparse
import os

from meshgate.promotion.forges import Forge, forge_names, open_forge, settings_from


def add_forge_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--forge",
        choices=forge_names(),
        metavar="NAME",
        help=f"{', '.join(forge_names())}; default: MESHGATE_FORGE, what the CI job runs on, "
        "or none. Address, project and token are MESHGATE_FORGE_URL, _PROJECT and _TOKEN",
    )


def forge_of(options: argparse.Namespace) -> Forge:
    """The forge that `--forge` or the environment names."""
    return open_forge(settings_from(os.environ, options.directory, options.forge))
