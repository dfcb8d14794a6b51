"""Write the objects that point clusters at this repository.

For each environment, from environments.yaml: an AppProject and an ApplicationSet for Argo CD
(sync/argocd/ENV.yaml), or a GitRepository, a Kustomization and their rights for Flux
(sync/flux/ENV/sync.yaml). A floating environment is synced from its overlay, a pinned one
from rendered/ENV. docs/sync.md tells what each field is for.

examples:
  meshgate sync argocd
  meshgate sync flux prod
  meshgate sync --check argocd                   exit 1 if a file is not what would be written
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from meshgate import config, source
from meshgate.cli.options import cache_folder
from meshgate.cli.progress import Progress
from meshgate.cli.terminal import printable
from meshgate.cluster import sync
from meshgate.cluster.sync import SyncTarget, unprotected
from meshgate.cluster.sync.prune_protection import ARGOCD, FLUX
from meshgate.cluster.sync.waves import doubtful_waves
from meshgate.cluster.sync.windows import without_repair
from meshgate.pipeline.cluster_names import refuse_overlaps
from meshgate.pipeline.targets import select

AGENTS = ("argocd", "flux")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("agent", choices=AGENTS, help="who syncs the clusters")
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument("--check", action="store_true", help="only compare; write nothing")


def run(options: argparse.Namespace) -> int:
    """Write the files, or say which are stale."""
    root, agent = options.directory, options.agent
    configuration = config.load(root)
    if agent == "argocd":
        refuse_overlaps(configuration.environments)
    wanted = select(configuration.environments, options.environments)
    with Progress("rendering", len(wanted)) as progress:
        targets = sync.targets(
            root, configuration, wanted, cache=cache_folder(options), progress=progress.step
        )
    everything = not options.environments
    files = sync.files(agent, targets, targets if everything else None)
    names = [environment.name for environment in configuration.environments]
    gone = sync.leftovers(root, agent, names) if everything else []
    outdated = sync.stale(root, files)
    warn_of_unprotected(agent, targets)
    warn_of_windows(agent, targets)
    warn_of_waves(agent, targets)
    warn_of_namespaces(root, targets)
    if options.check:
        for path in outdated:
            print(f"{path}: not what environments.yaml and the policies lead to")
        for path in gone:
            print(f"{path}: of an environment that is gone")
        if outdated or gone:
            print(f"meshgate: run `meshgate sync {agent}` and commit the result", file=sys.stderr)
        return int(bool(outdated or gone))
    sync.write(root, {path: files[path] for path in outdated}, gone)
    for path in files:
        print(f"{path}: {'written' if path in outdated else 'unchanged'}")
    for path in gone:
        print(f"{path}: removed")
    return 0


def warn_of_unprotected(agent: str, targets: Iterable[SyncTarget]) -> None:
    """Say which policies the agent would prune without asking, though many workloads rest on it."""
    unprotected_in: dict[str, list[str]] = {}
    for target in targets:
        for resource in unprotected(agent, target.rendered):
            unprotected_in.setdefault(str(resource), []).append(target.environment.name)
    key, value = FLUX if agent == "flux" else ARGOCD
    for name, environments in unprotected_in.items():
        where = ", ".join(dict.fromkeys(environments))
        print(
            f"meshgate: {printable(name)} ({where}) decides for many workloads, and would be "
            f"pruned without a question; annotate it in its source with {key}: {value}",
            file=sys.stderr,
        )


def warn_of_windows(agent: str, targets: Iterable[SyncTarget]) -> None:
    """Say which windows keep Argo CD from undoing drift for long."""
    windows = {window.name: window for target in targets for window in target.windows}
    if agent == "argocd":
        for sentence in without_repair(windows.values()):
            print(f"meshgate: {printable(sentence)}", file=sys.stderr)


def warn_of_waves(agent: str, targets: Iterable[SyncTarget]) -> None:
    """Say which waves are no order, and which clusters could be in two."""
    if agent == "argocd":
        for sentence in (each for target in targets for each in doubtful_waves(target)):
            print(f"meshgate: {printable(sentence)}", file=sys.stderr)


def warn_of_namespaces(root: Path, targets: Iterable[SyncTarget]) -> None:
    """Say where a sync will fail, since a namespace of its policies is not there yet."""
    for target in targets:
        name = target.environment.name
        known = {
            each.name
            for each in source.read_folder(root, f"inventory/{name}")
            if each.kind == "Namespace"
        }
        # Where istiod is, something runs.
        known |= {target.environment.mesh.root_namespace} if known else set()
        missing = sorted({each.namespace for each in target.rendered if each.namespace} - known)
        if known and missing:
            print(
                f"meshgate: {name}: {printable(', '.join(missing))} is no namespace of "
                f"inventory/{name}: where it is not there yet, the sync fails until it is",
                file=sys.stderr,
            )
