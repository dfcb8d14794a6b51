"""Regenerate the schemas this version carries, from the pinned Go modules.

Needs Go. Reads the CRDs of each supported Istio release, of Argo CD and of Flux, and the
OpenAPI of Kubernetes; writes schemas/ of this checkout. The same modules give the same
bytes.

example:
  meshgate schemas update
"""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("action", choices=("update",))


def run(options: argparse.Namespace) -> int:
    """Write the schemas below the chosen folder."""
    from meshgate.schema.update import update  # noqa: PLC0415 - needs only this command

    for line in update(options.directory):
        print(line)
    return 0
