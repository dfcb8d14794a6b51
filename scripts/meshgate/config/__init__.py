"""The repository's own files: environments, waivers, expectations; typed and checked."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from meshgate.config.accepted import accepted, expectations
from meshgate.config.document import Document, read
from meshgate.config.environments import References, environment
from meshgate.config.nearest import nearest
from meshgate.config.shape import check
from meshgate.config.traffic import traffic
from meshgate.errors import UsageError
from meshgate.model import Environment, JSONObject, Traffic

__all__ = ["Configuration", "load", "load_environment", "load_mesh", "load_traffic"]

ENVIRONMENTS = "environments.yaml"
SUFFIX = ".yaml"
NOTHING = Document("", {})
SYNC_NAME = "mesh-policies"


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a repository says of itself."""

    environments: tuple[Environment, ...]
    # As written; promotion gives them meaning.
    gates: tuple[JSONObject, ...] = ()
    windows: tuple[JSONObject, ...] = ()
    paused: JSONObject | None = None
    supersede: str = "close"
    # Where clusters find this repository, as written.
    sync: JSONObject | None = None

    @property
    def sync_name(self) -> str:
        """What the names of all objects of a sync begin with."""
        return str((self.sync or {}).get("name", SYNC_NAME))

    # Each environment's whole entry, by name.
    entries: Mapping[str, JSONObject] = field(default_factory=dict)


def load(root: Path) -> Configuration:
    """The configuration of the repository at `root`.

    Raises UsageError, with file, line and the way out, for anything that is not exactly known.
    """
    file = root / ENVIRONMENTS
    if not file.is_file():
        raise UsageError(
            f"{root} has no {ENVIRONMENTS}",
            why="It lists what there is to judge.",
            hint="name the repository with -C DIR, or make one with `meshgate init DIR`",
        )
    document = _read_inside(root, ENVIRONMENTS)
    value = document.value
    if value is None or (isinstance(value, dict) and value.get("environments", True) in ([], None)):
        raise UsageError(
            f"{ENVIRONMENTS} lists no environment",
            why="Nothing would be judged, which is never a pass.",
            hint="add an entry with `name` and `overlay`",
        )
    check(document, "environments")
    References(root, document).check()
    entries = {entry["name"]: entry for entry in value["environments"]}
    _inventories(root, entries)
    waivers = _per_environment(root, "waivers", entries)
    expected = _per_environment(root, "expectations", entries)
    return Configuration(
        environments=tuple(
            _completed(environment(entry, document), waivers.get(name), expected.get(name))
            for name, entry in entries.items()
        ),
        gates=tuple(value.get("gates", ())),
        windows=tuple(value.get("windows", ())),
        paused=value.get("paused"),
        supersede=value.get("supersede", "close"),
        sync=value.get("sync"),
        entries=entries,
    )


def load_mesh(path: Path) -> Environment:
    """The one environment of `lint --mesh FILE`: `mesh`, `require`, `severities`, all optional.

    Raises UsageError as `load` does.
    """
    return _lint(path, str(path))


def _lint(path: Path, file: str) -> Environment:
    document = read(path, file)
    if document.value is None:
        raise UsageError(f"{file} is empty", hint="write at least `mesh: {}`, for Istio's defaults")
    check(document, "environments", "lint")
    return environment(document.value, document)


def load_environment(path: Path, *, waivers: Path, expected: Path) -> Environment:
    """As `load_mesh`, with its other files; a missing file says nothing. Named prod by default."""
    found = _lint(path, path.name) if path.is_file() else environment({}, NOTHING)
    return _completed(
        replace(found, name=found.name or "prod"),
        _checked(read(waivers, waivers.name), "waivers") if waivers.is_file() else None,
        _checked(read(expected, expected.name), "expectations") if expected.is_file() else None,
    )


def load_traffic(path: Path) -> Traffic:
    """The calls seen in reality that a file lists, YAML or JSON.

    Raises UsageError as `load` does, and NothingToCheckError where it lists none.
    """
    return traffic(_checked(read(path, str(path)), "traffic"))


def _completed(
    bare: Environment, waivers: Document | None, expected: Document | None
) -> Environment:
    if waivers is not None:
        bare = replace(bare, **accepted(waivers))
    if expected is not None:
        bare = replace(bare, expectations=expectations(expected))
    return bare


def _per_environment(root: Path, folder: str, names: Collection[str]) -> dict[str, Document]:
    """The checked documents `folder/<environment>.yaml`, by environment."""
    try:
        files = sorted(os.listdir(root / folder))  # noqa: PTH208 - as below
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise UsageError(f"{folder} is no folder") from None
    found = {}
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
        found[name] = _checked(_read_inside(root, f"{folder}/{file}"), folder)
    return found


def _inventories(root: Path, names: Collection[str]) -> None:
    """Raise UsageError for an inventory that no environment would read."""
    folder = root / "inventory"
    for name in sorted(os.listdir(folder)) if folder.is_dir() else ():  # noqa: PTH208 - as above
        if name.startswith(".") or name.endswith(".md") or (name in names):
            continue
        meant = nearest(os.path.splitext(name)[0], names)  # noqa: PTH122 - as above
        raise UsageError(
            f"inventory/{name} belongs to no environment",
            why=f"A folder here is called as one of {ENVIRONMENTS}: what it says would be lost.",
            hint=f"rename it to {meant}" if meant else "rename or remove it",
        )


def _checked(document: Document, name: str) -> Document:
    check(document, name)
    return document


def _read_inside(root: Path, file: str) -> Document:
    """Read a file of the repository. Raises UsageError where a link leads out of it."""
    path = root / file
    real, base = os.path.realpath(path), os.path.realpath(root)
    if not real.startswith(base.rstrip(os.sep) + os.sep):
        raise UsageError(
            f"{file} is a link that leads out of this repository",
            why="Only what is reviewed here may decide.",
            hint="replace it by a file",
        )
    return read(path, file)
