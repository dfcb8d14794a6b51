"""An inventory's files: one for each namespace, and what is lost if they are written."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from meshgate import source
from meshgate.cluster.capture.ownership import ObjectIdentity
from meshgate.cluster.kinds import ListedKind
from meshgate.errors import UsageError
from meshgate.model import JSONObject, Resource
from meshgate.wording import plural
from meshgate.yamldoc.files import LARGEST_FILE, read_inside
from meshgate.yamldoc.text import decoded

# The file of objects without a namespace.
CLUSTER = "_cluster"
SUFFIX = ".yaml"
MARK = "Captured by `meshgate inventory capture "
HEAD = MARK + "{environment}`; never synced."
# How far down that may stand.
HEAD_LINES = 3
# The folder that is written before it takes the place of the inventory.
ASIDE = ".capture-"
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
    # How many objects there are of each kind, by API group and kind.
    kinds: Counter[tuple[str, str]]


class ByHand(NamedTuple):
    """What people wrote into an inventory: it is judged with the rest, and never written over.

    files    by name
    objects  in them, each with its file
    """

    files: frozenset[str]
    objects: dict[ObjectIdentity, str]


def inventory(environment: str, objects: Iterable[JSONObject]) -> InventoryFiles:
    """The files for redacted objects. The same cluster gives the same bytes."""
    by_file: dict[str, list[Resource]] = {}
    listed = [Resource.of(value) for value in sorted(objects, key=_order)]
    for resource in listed:
        by_file.setdefault(_namespace(resource), []).append(resource)
    files = {
        f"{namespace}{SUFFIX}": source.dump(resources, comment=HEAD.format(environment=environment))
        for namespace, resources in sorted(by_file.items())
    }
    return InventoryFiles(files, *_counted(listed))


def before(
    root: Path, environment: str, new: Iterable[str] = (), manual: ByHand | None = None
) -> InventoryFiles:
    """What the last capture wrote, and what would be written over; nothing where there is none.

    `new` are the names of the files of a new capture. What people took into a file of their own is
    not lost.
    """
    remaining = {
        identity
        for identity, file in (manual.objects.items() if manual else ())
        if file.removeprefix(f"inventory/{environment}/") not in {*new}
    }
    names, replaced = _names(root, environment), {*new}
    files = {
        name: text
        for name in names
        if is_captured(text := _text(root, environment, name)) or name in replaced
    }
    listed = (
        [
            resource
            for resource in source.read_folder(root, f"inventory/{environment}")
            if _file(resource, environment) in files
            and ObjectIdentity.of(resource) not in remaining
        ]
        if files
        else []
    )
    return InventoryFiles(files, *_counted(listed))


def by_hand(root: Path, environment: str) -> ByHand:
    """What no capture wrote. Raises BuildError for what cannot be read."""
    names = _names(root, environment)
    files = {name for name in names if not is_captured(_text(root, environment, name))}
    objects = {
        ObjectIdentity.of(resource): f"inventory/{environment}/{file}"
        for resource in (source.read_folder(root, f"inventory/{environment}") if files else ())
        if (file := _file(resource, environment)) in files
    }
    return ByHand(frozenset(files), objects)


def is_captured(text: str) -> bool:
    """Whether a capture wrote a file."""
    return any(line.startswith(f"# {MARK}") for line in text.splitlines()[:HEAD_LINES])


def losses(
    old: InventoryFiles, new: InventoryFiles, unserved: Iterable[ListedKind] = ()
) -> list[str]:
    """What the new inventory has much less of, in words; empty: it may be written.

    `unserved` are the kinds that the API server does not serve.
    """
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
    not_served = {(kind.group, kind.kind) for kind in unserved}
    for key, count in sorted(old.kinds.items(), key=lambda each: each[0][::-1]):
        if key[1] in WORKLOADS or new.kinds[key] >= count * (1 - MOST_LOST):
            continue
        served = "" if key not in not_served else "; the API server does not serve the kind"
        reasons.append(f"kind {key[1]}: {count} before, {new.kinds[key]} now{served}")
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
    """Write what changed, all of it or nothing: the new folder is made beside the old one.

    Raises UsageError for what cannot be written; then the inventory is as it was.
    """
    if not changed:
        return
    folder = root / "inventory" / environment
    aside = folder.with_name(f"{ASIDE}{environment}-{os.getpid()}")
    former = aside.with_name(f"{aside.name}-former")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # What people wrote is in it, with whatever else they keep there.
        if folder.is_dir():
            shutil.copytree(folder, aside, symlinks=True)
        else:
            aside.mkdir()
        for name, fate in changed.items():
            if fate == "removed":
                (aside / name).unlink()
            else:
                _write(aside / name, new.files[name])
        _swap(folder, aside, former)
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or aside}: {_reason(error)}",
            why=f"inventory/{environment} is as it was.",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def _reason(error: OSError) -> str:
    """What the machine says; of a folder that could not be copied, of the first of its files."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    return error.strerror or str(error)


@contextmanager
def locked(root: Path, environment: str) -> Iterator[None]:
    """Hold the inventory of a repository against other captures, cleared up after killed ones.

    Raises UsageError where another capture holds it. Process ids tell nothing of who runs: in
    containers that share a folder two have the same.
    """
    folder = root / "inventory"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{environment}: another capture writes to this repository",
                hint="wait until it has ended",
            ) from error
        except OSError:
            # A file system without locks: whoever else writes there is not seen.
            pass
        _restore(root, environment)
        yield
    finally:
        os.close(handle)


def _restore(root: Path, environment: str) -> None:
    """Clear up after captures that were killed while they wrote: none runs beside this one."""
    folder = root / "inventory" / environment
    for left in sorted((root / "inventory").glob(f"{ASIDE}{environment}-*"), reverse=True):
        number, _, former = left.name.removeprefix(f"{ASIDE}{environment}-").partition("-")
        if not number.isdigit():
            continue
        if former and not folder.exists():
            left.rename(folder)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _swap(folder: Path, aside: Path, former: Path) -> None:
    """Put `aside` in the place of `folder`, which becomes `former`."""
    if not folder.is_dir():
        aside.rename(folder)
        return
    folder.rename(former)
    try:
        aside.rename(folder)
    except BaseException:
        former.rename(folder)
        raise


def _write(file: Path, text: str) -> None:
    with file.open("w", encoding="utf-8") as written:
        written.write(text)
        written.flush()
        # A disk may be full without saying so until then.
        os.fsync(written.fileno())


def _names(root: Path, environment: str) -> list[str]:
    folder = root / "inventory" / environment
    files = sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else []
    return [file.relative_to(folder).as_posix() for file in files]


def _text(root: Path, environment: str, name: str) -> str:
    path = f"inventory/{environment}/{name}"
    return decoded(read_inside(root, path, LARGEST_FILE), path)


def _file(resource: Resource, environment: str) -> str:
    """The name of the file that an object of the inventory stands in."""
    file = resource.origin.file if resource.origin else ""
    return file.removeprefix(f"inventory/{environment}/")


def _counted(
    resources: Iterable[Resource],
) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    workloads: Counter[str] = Counter()
    by_kind: Counter[tuple[str, str]] = Counter()
    for resource in resources:
        by_kind[resource.group, resource.kind] += 1
        workloads[_namespace(resource)] += resource.kind in WORKLOADS
    return +workloads, by_kind


def _namespace(resource: Resource) -> str:
    if resource.kind == "Namespace":
        return resource.name
    return str(resource.namespace or CLUSTER)


def _order(value: JSONObject) -> tuple[int, str, str]:
    kind = value["kind"]
    return RANK.get(kind, len(RANK)), kind, value["metadata"]["name"]


def _workloads(count: int) -> str:
    return plural(count, "workload")
