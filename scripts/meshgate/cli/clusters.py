"""The cluster that a command reads, and what this repository renders for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshgate import source
from meshgate.cli.progress import Progress
from meshgate.cli.request import folder
from meshgate.cli.terminal import printable
from meshgate.cluster import capture
from meshgate.cluster.capture import Live
from meshgate.cluster.client import ClusterClient
from meshgate.model import Environment
from meshgate.pipeline import Files, Judged, Objects, Settings, judge

PINNED = "pinned"


def add_cluster(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add how the cluster is named."""
    parser.add_argument(
        "--context",
        required=required,
        metavar="NAME",
        help="the kubeconfig's context of the cluster",
    )
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="default: as kubectl finds it"
    )


def cluster_of(options: argparse.Namespace) -> ClusterClient:
    """The cluster that the options name. Raises ToolError, UsageError."""
    return ClusterClient(options.context, options.kubeconfig)


def read_cluster(cluster: ClusterClient) -> Live:
    """Everything in it that is looked at. Raises ServiceError."""
    with Progress(f"reading {cluster.context}", capture.STEPS) as progress:
        return capture.read(cluster, progress.step)


def intended(options: argparse.Namespace, environment: Environment, how: Settings) -> Judged:
    """What the cluster is to have: what was promoted, or what the overlay renders to."""
    root: Path = options.directory
    repository = folder(options)
    files: Files = repository
    rendered = f"rendered/{environment.name}"
    if environment.mode == PINNED and (root / rendered).is_dir():
        files = Objects(
            {environment.name: list(source.read_folder(root, rendered))},
            repository.locate,
            lambda _: repository.inventory(environment),
        )
    return judge([environment], files, how)[environment.name]


def print_notes(notes: Iterable[str]) -> None:
    """What a person should know."""
    for note in notes:
        print(f"meshgate: {printable(note)}", file=sys.stderr)


def unread_kinds(live: Live) -> Iterator[str]:
    """Which kinds nothing can be known of, since the API server does not have them."""
    if live.unserved:
        names = ", ".join(sorted(kind.resource for kind in live.unserved))
        yield f"the API server does not serve, so that none is known: {names}"
