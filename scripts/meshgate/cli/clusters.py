"""The cluster that a command reads, and what this repository renders for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from meshgate import source
from meshgate.cli.options import cache_folder
from meshgate.cli.progress import Progress
from meshgate.cluster.capture import Live
from meshgate.cluster.client import Cluster
from meshgate.model import Environment, Resource

PINNED = "pinned"


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add how the cluster is named."""
    parser.add_argument(
        "--context", required=True, metavar="NAME", help="the kubeconfig's context of the cluster"
    )
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="default: as kubectl finds it"
    )


def cluster_of(options: argparse.Namespace) -> Cluster:
    """The cluster that the options name. Raises ToolError, UsageError."""
    from meshgate.cluster.client import Cluster  # noqa: PLC0415 - an optional part

    return Cluster(options.context, options.kubeconfig)


def read_cluster(cluster: Cluster) -> Live:
    """Everything in it that is looked at. Raises ServiceError."""
    from meshgate.cluster import capture  # noqa: PLC0415 - as above

    with Progress(f"reading {cluster.context}", capture.STEPS) as progress:
        return capture.read(cluster, progress.step)


def rendered(options: argparse.Namespace, environment: Environment) -> list[Resource]:
    """What the cluster is to have: what was promoted, or what the overlay renders to."""
    root: Path = options.directory
    folder = f"rendered/{environment.name}"
    if environment.mode == PINNED and (root / folder).is_dir():
        return list(source.read_folder(root, folder))
    return source.render(root, environment.overlay, cache=cache_folder(options)).resources
