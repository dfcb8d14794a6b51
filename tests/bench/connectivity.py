"""The peer network-config-analyzer, on its own question: who may connect to whom.

It reads what it is given of pods, namespaces and policies and prints all connections; meshgate
prints every call of the same files.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fleet
import peers

VERSION = "2.1.0"
# It takes pods, or what makes them, two for each service of a namespace.
SIZES = (50, 100, 200)


def program() -> Path:
    """The peer's program, installed into an environment of its own. Raises CalledProcessError."""
    folder = peers.cache() / f"network-config-analyzer-{VERSION}"
    found = folder / "bin" / "nca"
    if not found.is_file():
        print(f"installing network-config-analyzer {VERSION}, once", file=sys.stderr)
        # Its own, since it asks for other versions of what meshgate uses.
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "-q", f"network-config-analyzer=={VERSION}"],
            check=True,
            stdout=sys.stderr,
        )
    return found


def write(folder: Path, workloads: int) -> None:
    """A fleet of so many workloads with both kinds of policies."""
    namespaces = workloads // (fleet.SERVICES * fleet.WORKLOADS_PER_SERVICE)
    fleet.write(folder, namespaces, policies=True)


def command(folder: Path) -> list[str]:
    """What asks the peer for all connections of a folder, by Deployment as meshgate does."""
    nca = [str(program()), "--connectivity", str(folder)]
    return [*nca, "--resource_list", str(folder), "--output_endpoints", "deployments"]
