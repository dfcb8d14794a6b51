"""The repository's own files: environments, waivers, expectations; typed and checked."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct

from meshgate.config.defaults import MergedDocument
from meshgate.config.documents import BaselineFile, ExpectationsFile, WaiversFile
from meshgate.config.reading import read, read_inside
from meshgate.config.references import References
from meshgate.config.shape import check
from meshgate.config.substitutes import values_in
from meshgate.config.typed import converted, typed
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.model import (
    SYNC_NAME,
    BaselineEntry,
    Environment,
    GateEntry,
    JSONObject,
    Links,
    Pause,
    Position,
    SyncSettings,
    Traffic,
    WindowEntry,
)
from meshgate.wording.nearest import hint, nearest
from meshgate.yamldoc.document import Document, location

__all__ = [
    "BASELINE",
    "ENVIRONMENTS",
    "Configuration",
    "load",
    "load_baseline",
    "load_environment",
    "load_mesh",
    "load_traffic",
    "merged",
    "merged_document",
    "place_of",
    "traffic_of",
]

ENVIRONMENTS = "environments.yaml"
BASELINE = "baseline.yaml"
SUFFIX = ".yaml"
NOTHING = Document("", {})
LAST_PORT = 65535
UNNAMED = "unnamed"
MERGED = "So it is with what `defaults` says there: mappings merge key by key."


class Configuration(Struct, frozen=True):
    """All that a repository says of itself."""

    environments: tuple[Environment, ...]
    gates: tuple[GateEntry, ...] = ()
    windows: tuple[WindowEntry, ...] = ()
    paused: Pause | None = None
    # Where clusters find this repository.
    sync: SyncSettings | None = None
    links: Links = Links()
    # Of no environment: the others are in theirs.
    baseline: tuple[BaselineEntry, ...] = ()

    @property
    def sync_name(self) -> str:
        """What the names of all objects of a sync begin with."""
        return self.sync.name if self.sync else SYNC_NAME


def load(root: Path, elsewhere: Collection[str] = frozenset()) -> Configuration:
    """The configuration of the repository at `root`.

    `elsewhere`: folders, relative to it, of a commit that is not written out whole. Raises
    UsageError, with file, line and the way out, for anything that is not exactly known.
    """
    file = root / ENVIRONMENTS
    if not file.is_file():
        raise UsageError(
            f"{root} has no {ENVIRONMENTS}",
            why="It lists what there is to judge.",
            hint="name the repository with -C DIR, or make one with `meshgate init DIR`",
        )
    document = _merged(root)
    value = document.value
    References(root, document, elsewhere=elsewhere).check()
    entries = {entry["name"]: entry for entry in value["environments"]}
    _inventories(root, entries, elsewhere)
    waivers = _per_environment(root, "waivers", entries)
    expected = _per_environment(root, "expectations", entries)
    baseline: dict[str, list[BaselineEntry]] = {}
    for each in load_baseline(root, entries):
        baseline.setdefault(each.environment, []).append(each)
    return Configuration(
        environments=tuple(
            msgspec.structs.replace(
                _with_values(
                    root, _environment(document, entry, waivers.get(name), expected.get(name))
                ),
                baseline=tuple(baseline.get(name, ())),
            )
            for name, entry in entries.items()
        ),
        baseline=tuple(baseline.get("", ())),
        gates=tuple(converted(document, gate, GateEntry) for gate in value.get("gates", ())),
        windows=tuple(
            converted(document, window, WindowEntry) for window in value.get("windows", ())
        ),
        paused=converted(document, value["paused"], Pause) if "paused" in value else None,
        links=converted(document, value.get("links", {}), Links),
        sync=converted(document, value["sync"], SyncSettings) if "sync" in value else None,
    )


def load_baseline(
    root: Path, environments: Collection[str] | None = None
) -> tuple[BaselineEntry, ...]:
    """The entries of baseline.yaml; none where there is no such file.

    Raises UsageError as `load`, also for an entry of another environment than these.
    """
    if not (root / BASELINE).exists():
        return ()
    document = read_inside(root, BASELINE)
    if document.value is None:
        return ()
    entries = typed(document, "baseline", BaselineFile).findings
    for index, entry in enumerate(entries):
        if environments is not None and entry.environment not in {"", *environments}:
            position = document.at(["findings", index, "environment"])
            raise UsageError(
                f"{location(position)}: there is no environment {entry.environment!r}",
                hint=hint(entry.environment, environments)
                or "remove the entry with its environment",
            )
    return entries


def merged(root: Path) -> dict[str, JSONObject]:
    """What environments.yaml of `root` says of each environment, `defaults` included, by name.

    In the order of the file, each as it would be written without `defaults`. Raises UsageError as
    `load` does, though nothing beside the file is looked at.
    """
    return {entry["name"]: entry for entry in _merged(root).value["environments"]}


def place_of(root: Path, *path: str | int) -> Position:
    """Where a value of environments.yaml stands: in `defaults`, where an environment has it thence.

    Raises as `merged`.
    """
    return _merged(root).at(path)


def merged_document(root: Path) -> JSONObject:
    """All that environments.yaml of `root` says, `defaults` merged. Raises as `merged`."""
    return dict(_merged(root).value)


def _merged(root: Path) -> MergedDocument:
    document = read_inside(root, ENVIRONMENTS)
    value = document.value
    if value is None or (isinstance(value, dict) and value.get("environments", True) in ([], None)):
        raise UsageError(
            f"{ENVIRONMENTS} lists no environment",
            why="Nothing would be judged, which is never a pass.",
            hint="add an entry with `name` and `overlay`",
        )
    check(document, "environments")
    whole = MergedDocument(document)
    try:
        check(whole, "environments")
    except UsageError as error:
        # Each mapping is right, and the two do not go together.
        raise UsageError(
            error.what,
            why="\n".join(filter(None, (error.why, MERGED))),
            hint=error.hint or "take out of `defaults` what does not hold everywhere",
        ) from error
    return whole


def load_mesh(path: Path) -> Environment:
    """The one environment of `lint --mesh FILE`: `mesh`, `require`, `severities`, all optional.

    Raises UsageError as `load` does.
    """
    document = _mesh_file(path, str(path))
    name = document.value.get("name", "")
    environment = _environment(document, {"name": UNNAMED, **document.value})
    return msgspec.structs.replace(environment, name=name)


def _mesh_file(path: Path, file: str) -> Document:
    document = read(path, file)
    if document.value is None:
        raise UsageError(f"{file} is empty", hint="write at least `mesh: {}`, for Istio's defaults")
    check(document, "mesh")
    return document


def load_environment(path: Path, *, waivers: Path, expected: Path) -> Environment:
    """As `load_mesh`, with its other files; a missing file says nothing. Named prod by default."""
    document = _mesh_file(path, path.name) if path.is_file() else NOTHING
    return _environment(
        document,
        {"name": "prod", **document.value},
        read(waivers, waivers.name) if waivers.is_file() else None,
        read(expected, expected.name) if expected.is_file() else None,
    )


def load_traffic(path: Path) -> Traffic:
    """The calls seen in reality that a file lists, YAML or JSON, in its order.

    Raises UsageError as `load` does, for a call without destination and for a time that cannot be,
    and NothingToCheckError where no call is listed.
    """
    return traffic_of(read(path, str(path)))


def traffic_of(document: Document) -> Traffic:
    """The calls that a document lists; raises as `load_traffic`."""
    traffic = typed(document, "traffic", Traffic)
    if not traffic.calls:
        raise NothingToCheckError(
            f"{document.file} lists no call",
            why="A change would be tried on nothing, which is never a pass.",
            hint="capture anew: `meshgate traffic capture --help` tells what may be missing",
        )
    if traffic.start >= traffic.end:
        position = document.at(["window", "to"])
        raise UsageError(f"{location(position)}: the window ends before it begins")
    for index, call in enumerate(traffic.calls):
        if not call.host and not call.server:
            raise UsageError(
                f"{location(document.at(['calls', index]))}: this call has no destination",
                hint="add `to:` with a host, or `server:` with NAMESPACE/WORKLOAD",
            )
    return traffic


def _environment(
    document: Document,
    entry: JSONObject,
    waivers: Document | None = None,
    expected: Document | None = None,
) -> Environment:
    """One entry of a checked document, with what the environment's other files say."""
    environment = converted(document, entry, Environment)
    others: dict[str, object] = {}
    if waivers is not None:
        others |= msgspec.structs.asdict(typed(waivers, "waivers", WaiversFile))
    if expected is not None:
        others |= _expectations(expected)
    return msgspec.structs.replace(environment, **others)


def _with_values(root: Path, environment: Environment) -> Environment:
    """The environment with the values of variables that a file gives. Raises UsageError."""
    if not isinstance(environment.substitute, str):
        return environment
    values = values_in(root, environment.substitute)
    return msgspec.structs.replace(environment, found_values=values)


def _per_environment(root: Path, folder: str, names: Collection[str]) -> dict[str, Document]:
    """The documents `folder/<environment>.yaml`, by environment."""
    try:
        files = sorted(os.listdir(root / folder))  # noqa: PTH208 - as below
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise UsageError(f"{folder} is no folder") from None
    documents = {}
    for file in files:
        name, suffix = os.path.splitext(file)  # noqa: PTH122 - pathlib is slow for 1,000 of them
        if file.startswith(".") or suffix == ".md":
            continue
        if suffix != SUFFIX or name not in names:
            meant = nearest(name, names)
            raise UsageError(
                f"{folder}/{file} belongs to no environment",
                why=f"A file here is called as one of {ENVIRONMENTS}: what it says would be lost.",
                hint=f"rename it to {meant}{SUFFIX}" if meant else "rename or remove it",
            )
        documents[name] = read_inside(root, f"{folder}/{file}")
    return documents


def _inventories(root: Path, names: Collection[str], elsewhere: Collection[str]) -> None:
    """Raise UsageError for an inventory that no environment would read."""
    folder = root / "inventory"
    there = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - as above
    there += [name[len("inventory/") :] for name in elsewhere if _is_inventory(name)]
    for name in sorted(there):
        if name.startswith(".") or name.endswith(".md") or (name in names):
            continue
        meant = nearest(os.path.splitext(name)[0], names)  # noqa: PTH122 - as above
        raise UsageError(
            f"inventory/{name} belongs to no environment",
            why=f"A folder here is called as one of {ENVIRONMENTS}: what it says would be lost.",
            hint=f"rename it to {meant}" if meant else "rename or remove it",
        )


def _is_inventory(folder: str) -> bool:
    return folder.startswith("inventory/") and folder.count("/") == 1


def _expectations(document: Document) -> dict[str, object]:
    file = typed(document, "expectations", ExpectationsFile)
    for index, expectation in enumerate(file.expectations):
        if not 0 < expectation.port <= LAST_PORT:
            position = document.at(["expectations", index, "to"])
            raise UsageError(
                f"{location(position)}: {expectation.port} is no port",
                hint="write HOST:PORT with the port of the Service",
            )
    return {"expectations": file.expectations, "invariants": file.invariants}
