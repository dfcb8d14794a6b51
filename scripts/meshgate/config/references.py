"""What one part of `environments.yaml` says of another part, or of the disk."""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field

from meshgate.config.defaults import MergedDocument
from meshgate.errors import UsageError
from meshgate.model import JSON, JSONObject
from meshgate.model.circle import circle
from meshgate.model.sources import SOURCE_KEYS
from meshgate.wording.nearest import hint
from meshgate.yamldoc.document import location


class WantedPath(NamedTuple):
    """What a path of environments.yaml has to lead to."""

    what: str
    hint: str
    folder: bool = True
    file: bool = False

    @property
    def kind(self) -> str:
        """What it has to be, for people."""
        return " or ".join(
            kind for kind, wanted in (("folder", self.folder), ("file", self.file)) if wanted
        )


OVERLAY = WantedPath(
    "overlay", "create it with a kustomization.yaml, or remove the environment {name!r}"
)
MANIFESTS = WantedPath(
    "path of `manifests`", "correct it; what CI renders is committed before", file=True
)
CHART = WantedPath("chart", "correct it, or remove the environment {name!r}")
VALUES = WantedPath(
    "file of values", "correct `helm.values`, or add the file", folder=False, file=True
)
VARIABLES = WantedPath(
    "file of variables", "correct `substitute`, or add the file", folder=False, file=True
)
# What makes the top of the repository a source.
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
AT_TOP = {OVERLAY: KUSTOMIZATIONS, CHART: ("Chart.yaml",)}
PINNED = "pinned"
# What tells two environments apart that are built from one source.
TELLING = ("substitute", "mesh", "names")
# Only promotion writes there.
WRITTEN = ("rendered", "promotion")


class References(Struct, frozen=True):
    """The names and paths of `environments.yaml`, each of which must lead somewhere."""

    root: Path
    document: MergedDocument
    # Where folders really lead: those above the overlays are asked once for all that lie in them.
    folders: dict[str, str] = field(default_factory=dict)
    # Folders of a commit, relative to the root, that count as ones that are there.
    elsewhere: Collection[str] = frozenset()

    def check(self) -> None:
        """Raise UsageError for the first name that leads nowhere, or leads round in a circle."""
        value = self.document.value
        entries: list[JSONObject] = value["environments"]
        self._unique("environments", entries)
        self._unique("gates", value.get("gates", ()))
        self._unique("windows", value.get("windows", ()))
        names = dict.fromkeys(entry["name"] for entry in entries)
        gates = dict.fromkeys(gate["name"] for gate in value.get("gates", ()))
        windows = dict.fromkeys(window["name"] for window in value.get("windows", ()))
        base = os.path.realpath(self.root)
        # Of floating environments alone, nobody has them.
        self._known(self.document.defaults.get("gates", ()), gates, "gate")
        for index, entry in enumerate(entries):
            self._sources(index, entry, base)
            if isinstance(variables := entry.get("substitute"), str):
                self._path(entry, ("substitute",), variables, base, VARIABLES)
            after = entry.get("after", ())
            for listed in after.values() if isinstance(after, dict) else (after,):
                self._known(listed, names, "environment")
            self._known(entry.get("gates", ()), gates, "gate")
        for gate in value.get("gates", ()):
            self._known(gate.get("windows", ()), windows, "window")
        for window in value.get("windows", ()):
            self._known(window.get("environments", ()), names, "environment")
        self._refuse_twins(entries)
        self._acyclic({entry["name"]: _predecessors(entry) for entry in entries})

    def _refuse_twins(self, entries: Sequence[JSONObject]) -> None:
        """Raise UsageError for two floating environments that nothing tells apart."""
        first: dict[str, JSONObject] = {}
        for entry in entries:
            if entry.get("mode") == PINNED:
                continue
            deciding = [entry.get(key) for key in (*SOURCE_KEYS, *TELLING)]
            key = json.dumps(deciding, sort_keys=True, default=str)
            other = first.setdefault(key, entry)
            if other is not entry:
                source = next(each for each in SOURCE_KEYS if each in entry)
                where = location(self.document.place(entry, source))
                raise UsageError(
                    f"{where}: {entry['name']} is built from "
                    f"the same as {other['name']}, and both follow main",
                    why="A change would reach both at the same moment, so that one environment is "
                    "there under two names.",
                    hint=f"give {entry['name']} an overlay, values or `substitute` of its own; set "
                    "`mode: pinned` where promotion is to bring the same to it later; or let one "
                    "environment have the clusters of both",
                )

    def _unique(self, key: str, entries: Iterable[JSONObject]) -> None:
        first: dict[str, JSONObject] = {}
        for entry in entries:
            name = entry["name"]
            if name in first:
                line = self.document.place(first[name], "name").line
                raise UsageError(
                    f"{location(self.document.place(entry, 'name'))}: {key} has {name!r} twice",
                    why=f"It is in line {line} already.",
                )
            first[name] = entry

    def _known(self, listed: Sequence[str], known: Collection[str], what: str) -> None:
        for index, name in enumerate(listed):
            if name not in known:
                position = self.document.place(listed, index)
                raise UsageError(
                    f"{location(position)}: there is no {what} {name!r}", hint=hint(name, known)
                )

    def _sources(self, index: int, entry: JSONObject, base: str) -> None:
        """Raise UsageError unless exactly one key says where manifests come from."""
        keys = [key for key in SOURCE_KEYS if key in entry]
        if len(keys) > 1:
            raise UsageError(
                f"{location(self.document.place(entry, keys[1]))}: environments[{index}]: "
                f"`{keys[0]}` and `{keys[1]}` both say where manifests come from",
                hint="remove one of them, also from `defaults`, or make two environments; "
                "several overlays go into `overlays`",
            )
        if not keys:
            position = self.document.at(["environments", index])
            raise UsageError(
                f"{location(position)}: environments[{index}]: `overlay` is missing",
                hint="add `overlay:`, or another of " + ", ".join(SOURCE_KEYS),
            )
        value: JSON = entry[keys[0]]
        if keys[0] == "overlays":
            for number, path in enumerate(value):
                self._path(entry, ("overlays", number), path, base, OVERLAY)
            self._once(entry, value)
        elif keys[0] == "helm":
            self._chart(entry, value, base)
        else:
            wanted = MANIFESTS if keys[0] == "manifests" else OVERLAY
            self._path(entry, (keys[0],), value, base, wanted)

    def _chart(self, entry: JSONObject, chart: JSONObject, base: str) -> None:
        if "chart" not in chart:
            raise UsageError(
                f"{location(self.document.place(entry, 'helm'))}: `helm.chart` is missing",
                hint="add `chart:` with the folder of the chart",
            )
        self._path(entry, ("helm", "chart"), chart["chart"], base, CHART)
        for index, path in enumerate(chart.get("values", ())):
            self._path(entry, ("helm", "values", index), path, base, VALUES)

    def _once(self, entry: JSONObject, paths: Sequence[str]) -> None:
        seen: set[str] = set()
        for index, path in enumerate(paths):
            if posixpath.normpath(path) in seen:
                position = self.document.place(paths, index)
                raise UsageError(
                    f"{location(position)}: {entry['name']} has the overlay {path!r} twice",
                    hint="remove one of them: each is rendered once",
                )
            seen.add(posixpath.normpath(path))

    def _path(
        self,
        entry: JSONObject,
        keys: tuple[str | int, ...],
        path: str,
        base: str,
        wanted: WantedPath,
    ) -> None:
        """Raise UsageError for a path that leads out, or to something else than is wanted."""
        container: JSON = entry
        for key in keys[:-1]:
            container = container[key]

        def refused(what: str, hint: str, why: str = "") -> UsageError:
            # Where all is well nobody asks for the places, which are found by a second reading.
            where = location(self.document.place(container, keys[-1]))
            return UsageError(f"{where}: {what}", why=why, hint=hint)

        real = self._real(f"{base}/{path}")
        if real == base:
            # A kustomization names what it brings in, and a chart has its own files there.
            if wanted in AT_TOP and any((self.root / name).is_file() for name in AT_TOP[wanted]):
                return
            raise refused(
                f"the {wanted.what} {path!r} is the whole repository",
                why="This file, waivers and records lie in it, too.",
                hint=f"move the manifests into a {wanted.kind} of their own, and name that; or add "
                "a kustomization.yaml that names them, and write `overlay: .`",
            )
        if path.startswith("/") or not real.startswith(base + os.sep):
            raise refused(
                f"the {wanted.what} {path!r} is not inside this repository",
                why="Only what is reviewed here may be rendered.",
                hint=f"give the path of a {wanted.kind}, relative to environments.yaml",
            )
        for owned in WRITTEN:
            if f"{posixpath.normpath(path)}/".startswith(f"{owned}/"):
                raise refused(
                    f"the {wanted.what} {path!r} lies in {owned}/, which meshgate writes",
                    why="What is promoted cannot be made of what was promoted.",
                    hint="name the sources that it was rendered from",
                )
        is_folder = os.path.isdir(real) or (  # noqa: PTH112 - asked for every environment
            bool(self.elsewhere) and os.path.relpath(real, base) in self.elsewhere
        )
        if not ((wanted.folder and is_folder) or (wanted.file and Path(real).is_file())):
            raise refused(
                f"the {wanted.what} {path!r} is no {wanted.kind}",
                hint=wanted.hint.format(name=entry["name"]),
            )
        if wanted is CHART and not Path(real, "Chart.yaml").is_file():
            raise refused(
                f"{path!r} is no chart: it has no Chart.yaml",
                hint="name the folder of a chart, or use `manifests` or `overlay`",
            )

    def _real(self, path: str) -> str:
        folder, _, name = path.rstrip("/").rpartition("/")
        if folder not in self.folders:
            self.folders[folder] = os.path.realpath(folder)
        real = f"{self.folders[folder]}/{name}"
        return os.path.realpath(path) if name in {".", ".."} or os.path.islink(real) else real  # noqa: PTH114 - as above

    def _acyclic(self, before: Mapping[str, Sequence[str]]) -> None:
        names = circle(before)
        if not names:
            return
        entries = self.document.value["environments"]
        entry = next(entry for entry in entries if entry["name"] == names[0])
        where = location(self.document.place(entry, "after"))
        raise UsageError(
            f"{where}: `after` leads round in a circle: " + " after ".join(names),
            why="No change could ever enter it.",
            hint="remove one of these from `after`",
        )


def _predecessors(entry: JSONObject) -> Sequence[str]:
    after: JSON = entry.get("after", ())
    names: Sequence[str] = next(iter(after.values())) if isinstance(after, dict) else after
    return names
