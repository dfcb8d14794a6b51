"""An inventory's files: one for each namespace, and what is lost if they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from meshgate import source
from meshgate.errors import UsageError
from meshgate.model import JSONObject, Resource
from meshgate.yamldoc.files import LARGEST_FILE, read_inside
from meshgate.yamldoc.text import decoded

# The file of objects without a namespace.
CLUSTER = "_cluster"
SUFFIX = ".yaml"
HEAD = "Captured by `meshgate inventory capture {environment}`; never synced."
# A capture with this much less of a namespace's workloads is a question, not an answer.
MOST_LOST = 0.3

ORDER = (
    *("Namespace", "Service", "EndpointSlice"),
    *("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job", "Pod"),
    *("ServiceEntry", "WorkloadEntry", "PeerAuthentication", "DestinationRule"),
)
WORKLOADS = frozenset(ORDER[3:10])
RANK = {kind: rank for rank, kind in enumerate(ORDER)}


class InventoryFiles(NamedTuple):
    """The files of one environment's inventory: their text by their name."""

    files: dict[str, str]
    # How many workloads each namespace has.
    workloads: Counter[str]


def inventory(environment: str, objects: Iterable[JSONObject]) -> InventoryFiles:
    """The files for redacted objects. The same cluster gives the same bytes."""
    by_file: dict[str, list[JSONObject]] = {}
    counted: Counter[str] = Counter()
    for value in objects:
        own = value["metadata"]
        namespace = own["name"] if value["kind"] == "Namespace" else own.get("namespace", CLUSTER)
        by_file.setdefault(namespace, []).append(value)
        counted[namespace] += value["kind"] in WORKLOADS
    files = {}
    for namespace, held in sorted(by_file.items()):
        resources = [Resource.of(value) for value in sorted(held, key=_order)]
        files[f"{namespace}{SUFFIX}"] = source.dump(
            resources, comment=HEAD.format(environment=environment)
        )
    return InventoryFiles(files, +counted)


def before(root: Path, environment: str) -> InventoryFiles:
    """What the inventory holds now; nothing where there is none."""
    folder = root / "inventory" / environment
    files = {
        file.relative_to(folder).as_posix(): decoded(
            read_inside(root, name := file.relative_to(root).as_posix(), LARGEST_FILE), name
        )
        for file in (sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else ())
    }
    resources = source.read_folder(root, f"inventory/{environment}") if files else ()
    counted = Counter(
        str(resource.namespace or "default") for resource in resources if resource.kind in WORKLOADS
    )
    return InventoryFiles(files, counted)


def losses(old: InventoryFiles, new: InventoryFiles) -> list[str]:
    """What the new inventory has much less of, in words; empty: it may be written."""
    reasons = [
        f"namespace {namespace} is gone, with {_workloads(count)}"
        if f"{namespace}{SUFFIX}" not in new.files
        else f"namespace {namespace}: {_workloads(count)} before, {new.workloads[namespace]} now"
        for namespace, count in sorted(old.workloads.items())
        if new.workloads[namespace] < count * (1 - MOST_LOST)
    ]
    lost, now = sum(old.workloads.values()), sum(new.workloads.values())
    if not reasons and now < lost * (1 - MOST_LOST):
        reasons.append(f"{_workloads(lost)} before, {now} now")
    return reasons


def changes(old: InventoryFiles, new: InventoryFiles) -> dict[str, str]:
    """Each file that is not as it was, with what becomes of it: new, changed or removed."""
    kinds: dict[str, str] = {}
    for name in sorted(old.files.keys() | new.files.keys()):
        if name not in new.files:
            kinds[name] = "removed"
        elif name not in old.files:
            kinds[name] = "new"
        elif old.files[name] != new.files[name]:
            kinds[name] = "changed"
    return kinds


def write(root: Path, environment: str, new: InventoryFiles, changed: Mapping[str, str]) -> None:
    """Write what changed. Raises UsageError for what cannot be written."""
    folder = root / "inventory" / environment
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, fate in changed.items():
            if fate == "removed":
                (folder / name).unlink()
            else:
                (folder / name).write_text(new.files[name], encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def _order(value: JSONObject) -> tuple[int, str, str]:
    kind = value["kind"]
    return RANK.get(kind, len(RANK)), kind, value["metadata"]["name"]


def _workloads(count: int) -> str:
    return f"{count} workload{'' if count == 1 else 's'}"
