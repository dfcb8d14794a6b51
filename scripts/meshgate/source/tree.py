"""Everything one overlay is built from, found without running anything.

References are followed the way kustomize follows them, through the file system only: what is
remote, runs a program or leads out of the repository is recorded, and never followed.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from meshgate.errors import BuildError
from meshgate.model import JSON, join_path
from meshgate.source.kustomization import (
    FILE_NAMES,
    REMOTE,
    Inline,
    Kustomization,
    Reference,
    Role,
    slips,
)
from meshgate.source.load import parsed
from meshgate.source.plugins import inline_plugins, paths_of
from meshgate.source.vendored import Copies, NotVendoredError, is_below
from meshgate.yamldoc.files import Root
from meshgate.yamldoc.nodes import Reader

MOST_FOLDERS = 2000
MOST_LAYERS = 50


class Refused:
    """A reference that must not be followed, and why."""

    def __init__(
        self,
        kustomization: Kustomization,
        path: tuple[str | int, ...],
        detail: str,
        why: str = "",
        hint: str = "",
    ) -> None:
        self.kustomization = kustomization
        self.path = path
        self.detail = detail
        # Of a remote base whose copy is not right.
        self.why = why
        self.hint = hint


class Tree:
    """The kustomizations and files that an overlay reaches; names are relative to the root.

    below  the folder as something else than files on disk: `root` is then not looked at
    """

    def __init__(self, root: Path, overlay: str, below: Root | None = None) -> None:
        self.below = below or Root(root)
        self.root = Path(self.below.top)
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
        self._contents: dict[str, bytes] = {}
        self._reached: dict[tuple[str, str], str] = {}
        self._copies = Copies(self.below)
        # By folder and reference as written: the folder of the copy that it is built from.
        self.vendored: dict[tuple[str, str], str] = {}
        self._follow()

    @property
    def inputs(self) -> frozenset[str]:
        """Every name whose appearance, change or loss can change the build."""
        return frozenset((*self.files, *self.absent))

    def resolved(self, kustomization: Kustomization, text: JSON) -> str | None:
        """The file or folder that a reference of a kustomization leads to, if it is there."""
        return self._reached.get((kustomization.folder, text)) if isinstance(text, str) else None

    def folder_links(self) -> Iterator[tuple[str, str]]:
        """References to folders that go through a link: the name, and where it leads."""
        for (folder, text), real in self._reached.items():
            name = posixpath.normpath(posixpath.join(folder, text))
            if (folder, text) not in self.vendored and name != real and self.below.is_folder(real):
                yield name, real

    def content(self, name: str) -> bytes:
        """The bytes of a file of the tree. Raises BuildError."""
        if name not in self._contents:
            self._contents[name] = self.below.read(name)
        return self._contents[name]

    def _follow(self) -> None:
        """Visit folder after folder; a cycle ends here, and kustomize tells of it."""
        start = self.below.inside(self.overlay)
        if start is None or not self.below.is_folder(start):
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
                leads = structs.replace(reference, role=role) if inherits else reference
                reached = self._reach(kustomization, leads)
                if reached is not None:
                    waiting.append((reached, leads.role, depth + 1))
        self._note_files_of_plugins()

    def _note_files_of_plugins(self) -> None:
        """What kustomize's own plugins read, from the folder of any kustomization that uses one."""
        folders = [each for each in self.kustomizations.values() if each.uses_plugins]
        if not folders:
            return
        configurations = [
            self._bytes(name) for name, role in self.files.items() if role is Role.PLUGIN
        ]
        for each in folders:
            configurations += inline_plugins(each)
        for path in (path for each in configurations for path in paths_of(each)):
            for each in folders:
                name = self.below.inside(each.join(path))
                if name is not None and self.below.is_file(name):
                    self.files.setdefault(name, Role.CONTENT)
                elif name is not None:
                    self.absent.add(name)

    def _bytes(self, name: str) -> bytes:
        try:
            return self.content(name)
        except BuildError:  # reported when it is built
            return b""

    @staticmethod
    def _candidates(folder: str) -> list[str]:
        return [posixpath.normpath(posixpath.join(folder, name)) for name in FILE_NAMES]

    def _kustomization(self, folder: str) -> Kustomization | None:
        """The kustomization of a folder; None, with the problem noted, where it cannot be used."""
        names = self._candidates(folder)
        there = [name for name in names if self.below.is_file(name)]
        self.absent.update(names)
        if len(there) != 1:
            listed = " and ".join(there)
            what = f"{folder} has {listed}" if there else f"{folder} has no kustomization.yaml"
            self.problems.append(
                BuildError(what, hint="a folder that is built has exactly one of them")
            )
            return None
        name = there[0]
        real = self.below.inside(name)
        if real is None:
            nothing = Kustomization(folder, name, {})
            self.refused.append(Refused(nothing, (), f"{name}, a link out of the repository,"))
            return None
        self.files[name] = self.files[real] = Role.CONFIGURATION
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
        if REMOTE.match(text):
            return self._vendored(kustomization, reference)
        name = kustomization.join(text)
        # An absolute path leads out, too.
        real = self.below.inside(name)
        copy = self._copies.top_of(kustomization.folder)
        if real is None or (copy is not None and not is_below(real, copy)):
            self._refuse(kustomization, reference, text)
            return None
        self._reached[kustomization.folder, text] = real
        if self.below.is_folder(real):
            if reference.role in {Role.RESOURCE, Role.COMPONENT, Role.PLUGIN}:
                if real != name:
                    self.absent.add(name)
                return real
        elif self.below.exists(real):
            for each in (name, real):
                self.files[each] = stricter(self.files.get(each), reference.role)
            return None
        self.absent.update((name, *self._candidates(name)))
        self.missing.append((kustomization, reference))
        return None

    def _vendored(self, kustomization: Kustomization, reference: Reference) -> str | None:
        """The folder in the copy of a remote base; refused where none is, or is as stated."""
        folder, text = kustomization.folder, reference.text
        if reference.role not in {Role.RESOURCE, Role.COMPONENT}:
            self._refuse(kustomization, reference, text)
            return None
        try:
            vendored = self._copies.find(folder, text)
        except NotVendoredError as error:
            self.absent.add(self._copies.stated_in(folder))
            self.refused.append(Refused(kustomization, reference.path, text, error.why, error.hint))
            return None
        if vendored is None:
            self.absent.add(self._copies.stated_in(folder))
            self._refuse(kustomization, reference, text)
            return None
        self.files.setdefault(vendored.stated, Role.CONFIGURATION)
        for name, content in vendored.files.items():
            # What the digest was taken of is what is built.
            self.files.setdefault(name, Role.CONTENT)
            self._contents[name] = content
        self._reached[folder, text] = self.vendored[folder, text] = vendored.folder
        return vendored.folder

    def _refuse(self, kustomization: Kustomization, reference: Reference, detail: str) -> None:
        self.refused.append(Refused(kustomization, reference.path, detail))


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
