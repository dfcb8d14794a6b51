"""Write down what runs in a cluster: the inventory that policies are judged against.

Reads the cluster and writes inventory/ENV/, one file for each namespace: Namespaces,
Services, workloads with labels, ports and data plane, ServiceEntries, policies that are not
of this repository, webhooks. Only what is looked at is kept; secrets, environment variables
and images are not. The data plane of the pods that run decides over labels. MeshConfig is
compared with environments.yaml; a difference ends with 1, since every judgement rests on it.

All of it is written, or nothing. A capture that has much less of a namespace or of a kind than
the one before, or whose API server has no such kind any more, needs --force. Files that no
capture wrote (inventory/ENV/manual/, or any without its first line) are left as they are.

Needs meshgate's extra `cluster`. sync/rbac/reader.yaml grants the rights.

examples:
  meshgate inventory capture prod --context prod-eu
  meshgate inventory capture prod --context prod-eu --kubeconfig ci.kubeconfig
  meshgate inventory capture prod --context prod-eu --force    also if it has much less
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshgate import config
from meshgate.cli.clusters import (
    add_cluster,
    cluster_of,
    intended,
    print_notes,
    read_cluster,
    unread_kinds,
)
from meshgate.cluster import capture
from meshgate.cluster.capture import Captured, InventoryFiles, Live, ObjectIdentity
from meshgate.cluster.capture.files import ByHand
from meshgate.cluster.folding import first, folded
from meshgate.errors import UsageError
from meshgate.model import JSONObject, Resource
from meshgate.pipeline import Settings
from meshgate.pipeline.targets import select
from meshgate.wording import plural


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("action", choices=("capture",))
    parser.add_argument("environment", metavar="ENV")
    add_cluster(parser)
    parser.add_argument(
        "--force", action="store_true", help="write also a capture that has much less"
    )


def run(options: argparse.Namespace) -> int:
    """Write the inventory of one environment."""
    root: Path = options.directory
    configuration = config.load(root)
    (environment,) = select(configuration.environments, [options.environment])
    build = intended(options, environment, Settings(options.today)).require_build()
    cluster = cluster_of(options)
    live = read_cluster(cluster)
    facts = environment.mesh
    about = (facts, capture.mesh_control(cluster, facts, live.of("Deployment", "Pod")))
    wrong = capture.differences(*about)
    ownership = capture.Ownership(build.resources, f"{configuration.sync_name}-{environment.name}")
    captured = capture.captured(live, facts, ownership)
    with capture.locked(root, environment.name):
        new, changed, doubled = write_inventory(options, environment.name, captured, live)
    print_written(environment.name, new, changed)
    print_notes(
        [
            *folded(captured.notes),
            *folded(doubled),
            *(f"not known: {each}" for each in [*capture.unknowns(*about), *live.unread]),
            *unread_kinds(live),
            *(f"environments.yaml: {each}" for each in wrong),
        ]
    )
    return int(bool(wrong))


def write_inventory(
    options: argparse.Namespace, name: str, captured: Captured, live: Live
) -> tuple[InventoryFiles, dict[str, str], list[str]]:
    """Write what was captured: the inventory, its files that changed, and what people hold of it.

    Raises UsageError where something would be lost, or cannot be written.
    """
    root: Path = options.directory
    written_by_hand = capture.by_hand(root, name)
    objects, doubled = without_manual(captured.objects, written_by_hand, name)
    new = capture.inventory(name, objects)
    old = capture.before(root, name, new.files, written_by_hand)
    lost = [
        *capture.losses(old, new, live.unserved),
        *(
            f"inventory/{name}/{file} was written by hand, and would be written over"
            for file in only_by_hand(written_by_hand, captured.objects, name)
            if file in new.files
        ),
    ]
    if lost and not options.force:
        raise UsageError(
            f"{name}: the inventory would lose something; nothing is written",
            why="\n".join(first(lost, "")),
            hint="check the context; if this is what runs there, add --force. What people write "
            f"belongs in inventory/{name}/manual/",
        )
    changed = capture.changes(old, new)
    capture.write(root, name, new, changed)
    return new, changed, doubled


def only_by_hand(manual: ByHand, objects: Iterable[JSONObject], environment: str) -> Iterator[str]:
    """The names of the files of people that hold something which is not captured, sorted."""
    new = {ObjectIdentity.of(Resource.of(value)) for value in objects}
    folder = f"inventory/{environment}/"
    lost = {file for identity, file in manual.objects.items() if identity not in new}
    yield from sorted(file.removeprefix(folder) for file in lost)


def without_manual(
    objects: Iterable[JSONObject], manual: ByHand, environment: str
) -> tuple[list[JSONObject], list[str]]:
    """The objects that no file of people has, and a note for each that one has."""
    new, notes = [], []
    for value in objects:
        identity = ObjectIdentity.of(Resource.of(value))
        own = f"inventory/{environment}/{identity.namespace or identity.name}.yaml"
        file = manual.objects.get(identity, own)
        # A file of the name that a capture writes is written over, or nothing is.
        if file == own:
            new.append(value)
        else:
            notes.append(f"{identity} stands in {file}, which is left as it is")
    return new, notes


def print_written(environment: str, new: InventoryFiles, changed: dict[str, str]) -> None:
    """Say what was written."""
    for name, fate in changed.items():
        print(f"inventory/{environment}/{name}: {fate}")
    workloads, namespaces = sum(new.workloads.values()), len(new.files)
    unchanged = "" if changed else "; nothing has changed"
    print(
        f"{environment}: {plural(workloads, 'workload')} in {plural(namespaces, 'file')}{unchanged}"
    )
