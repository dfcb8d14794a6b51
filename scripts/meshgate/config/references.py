"""What one part of `environments.yaml` says of another part, or of the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from meshgate.config.defaults import MergedDocument
from meshgate.errors import UsageError
from meshgate.model import JSON, JSONObject
from meshgate.wording.nearest import hint
from meshgate.yamldoc.document import shown


class References(Struct, frozen=True):
    """The names and paths of `environments.yaml`, each of which must lead somewhere."""

    root: Path
    document: MergedDocument
    # Where folders really lead: those above the overlays are asked once for all that lie in them.
    folders: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise UsageError for the first name that leads nowhere, or leads round in a circle."""
        value = self.document.value
        entries: list[JSONObject] = value["environments"]
        self._unique("environments", entries)
        self._unique("gates", value.get("gates", ()))
        self._unique("windows", value.get("windows", ()))
        names = [entry["name"] for entry in entries]
        gates = [gate["name"] for gate in value.get("gates", ())]
        windows = [window["name"] for window in value.get("windows", ())]
        base = os.path.realpath(self.root)
        for entry in entries:
            self._overlay(entry, base)
            after = entry.get("after", ())
            for listed in after.values() if isinstance(after, dict) else (after,):
                self._known(listed, names, "environment")
            self._known(entry.get("gates", ()), gates, "gate")
        for gate in value.get("gates", ()):
            self._known(gate.get("windows", ()), windows, "window")
        for window in value.get("windows", ()):
            self._known(window.get("environments", ()), names, "environment")
        self._acyclic({entry["name"]: _predecessors(entry) for entry in entries})

    def _unique(self, key: str, entries: Iterable[JSONObject]) -> None:
        first: dict[str, JSONObject] = {}
        for entry in entries:
            name = entry["name"]
            if name in first:
                line = self.document.place(first[name], "name").line
                raise UsageError(
                    f"{shown(self.document.place(entry, 'name'))}: {key} has {name!r} twice",
                    why=f"It is in line {line} already.",
                )
            first[name] = entry

    def _known(self, listed: Sequence[str], known: Sequence[str], what: str) -> None:
        for index, name in enumerate(listed):
            if name not in known:
                position = self.document.place(listed, index)
                raise UsageError(
                    f"{shown(position)}: there is no {what} {name!r}", hint=hint(name, known)
                )

    def _overlay(self, entry: JSONObject, base: str) -> None:
        if "overlay" not in entry:
            index = self.document.value["environments"].index(entry)
            position = self.document.at(["environments", index])
            raise UsageError(
                f"{shown(position)}: environments[{index}]: `overlay` is missing",
                hint="add `overlay:`",
            )
        overlay: str = entry["overlay"]
        real = self._real(f"{base}/{overlay}")
        if overlay.startswith("/") or not real.startswith(base + os.sep):
            raise UsageError(
                f"{self._where(entry)}: the overlay {overlay!r} is not inside this repository",
                why="Only what is reviewed here may be rendered.",
                hint="give the path of a folder, relative to environments.yaml",
            )
        if not Path(real).is_dir():
            raise UsageError(
                f"{self._where(entry)}: the overlay {overlay!r} is no folder",
                hint=f"create it with a kustomization.yaml, or remove the environment "
                f"{entry['name']!r}",
            )

    def _where(self, entry: JSONObject) -> str:
        return shown(self.document.place(entry, "overlay"))

    def _real(self, path: str) -> str:
        folder, _, name = path.rstrip("/").rpartition("/")
        if folder not in self.folders:
            self.folders[folder] = os.path.realpath(folder)
        real = f"{self.folders[folder]}/{name}"
        return os.path.realpath(path) if name in {".", ".."} or Path(real).is_symlink() else real

    def _acyclic(self, before: Mapping[str, Sequence[str]]) -> None:
        done: set[str] = set()
        for start in before:
            self._walk(start, before, done, [])

    def _walk(
        self, name: str, before: Mapping[str, Sequence[str]], done: set[str], path: list[str]
    ) -> None:
        if name in path:
            circle = [*path[path.index(name) :], name]
            entries = self.document.value["environments"]
            entry = next(entry for entry in entries if entry["name"] == name)
            raise UsageError(
                f"{shown(self.document.place(entry, 'after'))}: `after` leads round in a circle: "
                + " after ".join(circle),
                why="No change could ever enter it.",
                hint="remove one of these from `after`",
            )
        if name in done:
            return
        for other in before[name]:
            self._walk(other, before, done, [*path, name])
        done.add(name)


def _predecessors(entry: JSONObject) -> Sequence[str]:
    after: JSON = entry.get("after", ())
    names: Sequence[str] = next(iter(after.values())) if isinstance(after, dict) else after
    return names
