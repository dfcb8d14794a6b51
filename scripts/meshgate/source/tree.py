"""Everything one overlay is built from, found without running anything.

References are followed the way kustomize follows them, through the file system only: what is
remote, runs a program or leads out of the repository is recorded, and never followed.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.errors import BuildError
from meshgate.model import join_path
from meshgate.source import text as texts
from meshgate.source.kustomization import (
    FILE_NAMES,
    REMOTE,
    Inline,
    Kustomization,
    Reference,
    Role,
    slips,
)
from meshgate.source.nodes import Reader
from meshgate.source.parsed import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSON

# No manifest or patch that people write comes near it.
LARGEST_SOURCE = 20 * texts.MEBIBYTE
MOST_FOLDERS = 2000
MOST_LAYERS = 50
# Fields under which the configuration of kustomize's own plugins names files.
PLUGIN_PATHS = frozenset({"path", "paths", "files", "env", "envs"})


class Refused:
    """A reference that must not be followed, and why."""

    def __init__(
        self, kustomization: Kustomization, path: tuple[str | int, ...], detail: str
    ) -> None:
        self.kustomization = kustomization
        self.path = path
        self.detail = detail


class Tree:
    """The kustomizations and files that an overlay reaches; names are relative to the root."""

    def __init__(self, root: Path, overlay: str) -> None:
        self.root = Path(os.path.realpath(root))
        self.overlay = posixpath.normpath(overlay)
        # By folder, in the order they are reached.
        self.kustomizations: dict[str, Kustomization] = {}
        self.files: dict[str, Role] = {}
        # Names that are looked for and are not there.
        self.absent: set[str] = set()
        self.missing: list[tuple[Kustomization, Reference]] = []
        self.refused: list[Refused] = []
        self.problems: list[BuildError] = []
        # The overlay's own folder, links resolved.
        self.start = self.overlay
        # Plain strings: paths are looked at by the thousand where there are many overlays.
        self._top = str(self.root)
        self._no_links: set[str] = set()
        self._contents: dict[str, bytes] = {}
        self._reached: dict[tuple[str, str], str] = {}
        self._follow()

    @property
    def inputs(self) -> frozenset[str]:
        """Every name whose appearance, change or loss can change the build."""
        return frozenset((*self.files, *self.absent))

    def resolved(self, kustomization: Kustomization, text: JSON) -> str | None:
        """The file or folder that a reference of a kustomization leads to, if it is there."""
        return self._reached.get((kustomization.folder, text)) if isinstance(text, str) else None

    def content(self, name: str) -> bytes:
        """The bytes of a file of the tree. Raises BuildError."""
        if name not in self._contents:
            self._contents[name] = source_bytes(self.root, name)
        return self._contents[name]

    def _follow(self) -> None:
        """Visit folder after folder; a cycle ends here, and kustomize tells of it."""
        start = self._inside(self.overlay)
        if start is None or not self._is_folder(start):
            self.absent.update((self.overlay, *self._candidates(self.overlay)))
            self.problems.append(
                BuildError(
                    f"{self.overlay}: there is no such folder in the repository",
                    hint="correct `overlay` in environments.yaml, or create the folder "
                    "with a kustomization.yaml",
                )
            )
            return
        self.start = start
        waiting = deque([(start, Role.RESOURCE, 0)])
        visited: set[tuple[str, bool]] = set()
        while waiting:
            folder, role, depth = waiting.popleft()
            visit = (folder, role is Role.PLUGIN)
            if visit in visited:
                continue
            visited.add(visit)
            kustomization = self.kustomizations.get(folder) or self._kustomization(folder)
            if kustomization is None:
                continue
            self.kustomizations[folder] = kustomization
            if len(self.kustomizations) > MOST_FOLDERS or depth > MOST_LAYERS:
                self.problems.append(
                    BuildError(
                        f"{self.overlay} reaches more than {MOST_FOLDERS} folders, or has more "
                        f"than {MOST_LAYERS} layers",
                        hint="no environment needs this",
                    )
                )
                return
            for reference in kustomization.references():
                if isinstance(reference, Inline):
                    continue
                # What a folder of plugins names as its resources is plugins.
                inherits = role is Role.PLUGIN and reference.role is Role.RESOURCE
                leads = reference._replace(role=role) if inherits else reference
                reached = self._reach(kustomization, leads)
                if reached is not None:
                    waiting.append((reached, leads.role, depth + 1))
        self._note_files_of_plugins()

    def _note_files_of_plugins(self) -> None:
        """What kustomize's own plugins read, from the folder of any kustomization that uses one."""
        folders = [each for each in self.kustomizations.values() if each.uses_plugins]
        if not folders:
            return
        written = [self._bytes(name) for name, role in self.files.items() if role is Role.PLUGIN]
        for each in folders:
            parts = each.references()
            written += (
                part.text.encode()
                for part in parts
                if isinstance(part, Inline) and part.role is Role.PLUGIN
            )
        values = [value for content in written for value in _documents_of(content)]
        for path in (path for value in values for path in paths_in(value)):
            for each in folders:
                name = self._inside(each.join(path))
                if name is not None and self._is_file(name):
                    self.files.setdefault(name, Role.CONTENT)
                elif name is not None:
                    self.absent.add(name)

    def _bytes(self, name: str) -> bytes:
        try:
            return self.content(name)
        except BuildError:  # told when it is built
            return b""

    @staticmethod
    def _candidates(folder: str) -> list[str]:
        return [posixpath.normpath(posixpath.join(folder, name)) for name in FILE_NAMES]

    def _kustomization(self, folder: str) -> Kustomization | None:
        """The kustomization of a folder; None, with the problem noted, where it cannot be used."""
        names = self._candidates(folder)
        there = [name for name in names if self._is_file(name)]
        self.absent.update(names)
        if len(there) != 1:
            found = " and ".join(there)
            what = f"{folder} has {found}" if there else f"{folder} has no kustomization.yaml"
            self.problems.append(
                BuildError(what, hint="a folder that is built has exactly one of them")
            )
            return None
        name = there[0]
        if self._inside(name) is None:
            nothing = Kustomization(folder, name, {})
            self.refused.append(Refused(nothing, (), f"{name}, a link out of the repository,"))
            return None
        self.files[name] = Role.CONFIGURATION
        try:
            value = self._single(name)
        except BuildError as error:
            self.problems.append(error)
            return None
        kustomization = Kustomization(folder, name, value)
        self.problems += (_slip(kustomization, path, hint) for path, hint in slips(value))
        return kustomization

    def _single(self, name: str) -> dict[str, JSON]:
        documents = parsed(self.content(name), name, Reader.API_SERVER)
        values = [document.value for document in documents if document.value is not None]
        if len(values) == 1 and isinstance(values[0], dict):
            return values[0]
        if not values:
            raise BuildError(f"{name} is empty", hint="add `resources:` with what it builds")
        raise BuildError(f"{name} is not one mapping", hint="start it with `resources:`")

    def _reach(self, kustomization: Kustomization, reference: Reference) -> str | None:
        """Note what a reference leads to; a folder to visit is returned."""
        if reference.role is Role.HELM:
            self._refuse(kustomization, reference, f"the chart under {reference.text}")
            return None
        text = reference.text
        if REMOTE.match(text) or posixpath.isabs(text):
            self._refuse(kustomization, reference, text)
            return None
        name = kustomization.join(text)
        real = self._inside(name)
        if real is None:
            self._refuse(kustomization, reference, text)
            return None
        self._reached[kustomization.folder, text] = real
        if self._is_folder(real):
            if reference.role in {Role.RESOURCE, Role.COMPONENT, Role.PLUGIN}:
                if real != name:
                    self.absent.add(name)
                return real
        elif os.path.exists(f"{self._top}/{real}"):  # noqa: PTH110
            for each in (name, real):
                self.files[each] = stricter(self.files.get(each), reference.role)
            return None
        self.absent.update((name, *self._candidates(name)))
        self.missing.append((kustomization, reference))
        return None

    def _refuse(self, kustomization: Kustomization, reference: Reference, detail: str) -> None:
        self.refused.append(Refused(kustomization, reference.path, detail))

    def _inside(self, name: str) -> str | None:
        """The name with symbolic links resolved; None where it leads out of the repository."""
        if name.startswith(("../", "/")) or name == "..":
            return None
        path = self._top
        for part in name.split("/"):
            path = f"{path}/{part}"
            if path not in self._no_links:
                if os.path.islink(path):  # noqa: PTH114 - called for every part of every path
                    return self._linked(name)
                self._no_links.add(path)
        return name

    def _linked(self, name: str) -> str | None:
        real = os.path.realpath(f"{self._top}/{name}")
        inside = os.path.relpath(real, self._top).replace(os.sep, "/")
        return None if inside.startswith("../") or inside == ".." else inside

    def _is_folder(self, name: str) -> bool:
        return os.path.isdir(f"{self._top}/{name}")  # noqa: PTH112

    def _is_file(self, name: str) -> bool:
        return os.path.isfile(f"{self._top}/{name}")  # noqa: PTH113


def paths_in(value: JSON) -> Iterator[str]:
    """The files that the configuration of a plugin names (`path`, `paths`, `files`, `env`)."""
    waiting: list[tuple[str, JSON]] = [("", value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += ((key, item) for item in value)
        elif isinstance(value, str) and key.casefold() in PLUGIN_PATHS and "\n" not in value:
            # `files` has entries `name=path`, too.
            yield value
            yield value.partition("=")[2] or value


def _documents_of(content: bytes) -> list[JSON]:
    """The documents of a plugin's configuration; none of one that is told where it stands."""
    try:
        return [document.value for document in parsed(content, "a plugin")]
    except BuildError:
        return []


def _slip(kustomization: Kustomization, path: tuple[str | int, ...], hint: str) -> BuildError:
    return BuildError(
        f"{kustomization.file}: `{join_path(*path)}` is not how kustomize's manual spells it",
        why="kustomize would still read it, and what it brings in would not be looked at.",
        hint=hint,
    )


def stricter(one: Role | None, other: Role) -> Role:
    """The role that is looked at harder, for a file with two."""
    if one is None or one is Role.CONTENT:
        return other
    return other if other is Role.PLUGIN else one


def source_bytes(root: Path, name: str) -> bytes:
    """The bytes of a source file, 20 MiB at most. Raises BuildError."""
    path = root / name
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BuildError(f"{name} is no regular file")
    except OSError as error:
        raise BuildError(f"cannot read {name}: {error.strerror}") from error
    return texts.bounded(path, name, LARGEST_SOURCE)


def inputs(root: Path, overlay: str) -> frozenset[str]:
    """Every file an overlay depends on, relative to `root`.

    Files and folders that are referred to and do not exist yet are in it, too: their appearance
    changes the build. Never raises for what the sources say.
    """
    return Tree(root, overlay).inputs
