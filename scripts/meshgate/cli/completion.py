"""Print what completes commands and options in a shell.

examples:
  meshgate completion bash > ~/.local/share/bash-completion/completions/meshgate
  meshgate completion zsh > "${fpath[1]}/_meshgate"
  meshgate completion tcsh > ~/.meshgate.csh
"""

from __future__ import annotations

import argparse

import shtab

from meshgate import cli


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)


def run(options: argparse.Namespace) -> int:
    """Print the script of one shell, for every command with all its options."""
    print(shtab.complete(cli.parser_for(list(cli.COMMANDS)), options.shell))
    return 0
