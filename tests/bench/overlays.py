"""A policy repository with many environments, and bare kustomize builds to measure beside."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

from base import write_base
from measure import Command

from meshgate.source import renderer_argv

PATCH = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: shop}}
spec: {{trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {0}}}}}}}}}
"""


def write(root: Path, count: int) -> None:
    """Write the repository and commit it."""
    write_base(root, "reviews", "shop")
    entries = []
    for number in range(count):
        overlay = root / "overlays" / f"env-{number}"
        overlay.mkdir(parents=True)
        (overlay / "kustomization.yaml").write_text(
            "resources: [../../policies/mesh-wide]\npatches: [{path: connections.yaml}]\n",
            encoding="utf-8",
        )
        (overlay / "connections.yaml").write_text(PATCH.format(number + 1), encoding="utf-8")
        entries.append(f"- {{name: env-{number}, overlay: overlays/env-{number}}}\n")
    (root / "environments.yaml").write_text("environments:\n" + "".join(entries), encoding="utf-8")
    _git(root, "init", "-q")
    _git(root, "add", ".")
    _git(root, "commit", "-q", "-m", "start")


def commit(root: Path) -> None:
    """Commit what has changed: another base for what changes next."""
    _git(root, "commit", "-q", "-a", "-m", "next")


def _git(root: Path, *arguments: str) -> None:
    # Whoever runs this may have no name for git, or sign every commit.
    nobody = ("user.name=bench", "user.email=bench@example.com", "commit.gpgsign=false")
    settings = [part for setting in nobody for part in ("-c", setting)]
    subprocess.run(["git", *settings, *arguments], cwd=root, check=True)


def change_one(root: Path, number: int = 7) -> None:
    """Change what one overlay says."""
    (root / "overlays" / f"env-{number}" / "connections.yaml").write_text(
        PATCH.format(10_000), encoding="utf-8"
    )


def bare_build(root: Path) -> Command:
    """One bare kustomize build, by the program meshgate itself uses."""
    return Command([*renderer_argv(), str(root / "overlays" / "env-7")])


def build_all(root: Path) -> None:
    """Every overlay, as many at once as there are cores."""
    argv = renderer_argv()

    def build(overlay: Path) -> None:
        subprocess.run([*argv, str(overlay)], check=True, stdout=subprocess.DEVNULL)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(build, sorted((root / "overlays").iterdir())))


if __name__ == "__main__":
    build_all(Path(sys.argv[2]))
