"""Any manifests, from files or standard input, as one environment without a name.

A folder with a kustomization is built: its patches are no policies. Where what several of them
render cannot be in one cluster (the overlays of two environments), each lot is an environment of
its own, called by its folders.
"""

from __future__ import annotations

import functools
import itertools
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct, field, structs

from meshgate import source
from meshgate.errors import BuildError, MeshgateError, NothingToCheckError, UsageError, gravest
from meshgate.model import (
    BuildRecord,
    BuildStep,
    Defect,
    Environment,
    Failure,
    Origin,
    Resource,
    ResourceRef,
    Scopes,
)
from meshgate.pipeline.files import Objects
from meshgate.pipeline.targets import STDIN, existing
from meshgate.source import Build, FolderBuild, Locator, recognition

NAMED = 3

# Group, kind, namespace and name of an object: one cluster has it once.
Key: TypeAlias = tuple[str, str, str | None, str]


class ManifestArguments(Struct, frozen=True):
    """What the words of a command line name, and how it is read.

    paths      files, folders, `-` for standard input
    stdin      what `-` stands for
    namespace  of objects that name none, as `kubectl apply -n` takes it; None: they stay without
    exclude    patterns of gitignore(5), relative to the judged folder, of what is left out
    raw        whether files beside a kustomization are read as they stand, and nothing is built
    cache      the folder of kept renders, None for none
    """

    paths: Sequence[str]
    stdin: bytes = b""
    namespace: str | None = None
    exclude: Sequence[str] = ()
    raw: bool = False
    cache: Path | None = None


class GivenManifests(Struct, frozen=True):
    """What was given, where it is written, and what of it is not judged.

    builds  by a name for the lot; one without a name where all go together
    unread  why files and kustomizations could not be read, by what they are called
    """

    builds: Mapping[str, Build]
    locate: Locator
    notes: Sequence[str] = ()
    unread: Mapping[str, MeshgateError] = field(default_factory=dict)

    @property
    def build(self) -> Build:
        """The first lot, and mostly the only one."""
        return next(iter(self.builds.values()))

    def environments(self, environment: Environment) -> list[Environment]:
        """The environment, once for each lot."""
        if list(self.builds) == [""]:
            return [environment]
        return [structs.replace(environment, name=name) for name in self.builds]

    def files(self, environment: Environment, *, sources: bool = False) -> Objects:
        """The lots as the files of `environments(environment)`.

        `sources`: whether an error in how they are written refuses them, as `Objects` has it. It
        does in any case where that kept a lot from being built.
        """
        names = [each.name for each in self.environments(environment)]
        builds = dict(zip(names, self.builds.values(), strict=True))
        refused = [name for name in names if sources or not builds[name].resources]
        return Objects(builds, self.locate, sources=refused)

    @property
    def failures(self) -> list[Failure]:
        """What could not be read, for a report."""
        return [Failure(name, str(error), is_file=True) for name, error in self.unread.items()]

    @property
    def exit_code(self) -> int:
        """1 where something was not read, 2 where it was named by hand; else 0."""
        return gravest(
            error.exit_code if isinstance(error, UsageError) else 1
            for error in self.unread.values()
        )


def read_manifests(root: Path, given: ManifestArguments) -> GivenManifests:
    """Everything the paths hold. What cannot be read is reported, and the rest is judged.

    Raises UsageError for a path that is not there, and NothingToCheckError where nothing is an
    object and everything was read.
    """
    reading = _Reading(root, given)
    for text in given.paths:
        reading.take(text)
    return reading.all()


class _Reading:
    """The paths of one command line on their way to objects."""

    def __init__(self, root: Path, given: ManifestArguments) -> None:
        self.root = root
        self.given = given
        self.texts = {STDIN: given.stdin} if STDIN in given.paths else {}
        self.loose: list[Resource] = []
        self.defects: list[Defect] = []
        self.folders: dict[str, FolderBuild] = {}
        self.unread: dict[str, MeshgateError] = {}
        self.others: dict[str, list[str]] = {}
        self.left_out: list[str] = []

    def take(self, text: str) -> None:
        """Read what one word names. Raises UsageError."""
        if text in self.texts:
            self.file(text)
            return
        path = existing(self.root, text)
        if path.is_dir():
            self.folder(text)
        elif path.name in source.KUSTOMIZATION_NAMES and not self.given.raw:
            self.kustomizations(posixpath.dirname(text) or ".", ["."])
        else:
            self.file(text, by_hand=True)

    def folder(self, text: str) -> None:
        """Everything below a folder."""
        listed = source.listing(self.root / text, self.given.exclude, self.root)
        self.left_out += (posixpath.join(text, name).removeprefix("./") for name in listed.left_out)
        reached: set[str] = set()
        if listed.kustomizations and not self.given.raw:
            reached = self.kustomizations(text, listed.kustomizations)
        for name in listed.files:
            if name not in reached:
                self.file(posixpath.normpath(posixpath.join(text, name)), within=text)

    def kustomizations(self, text: str, names: Sequence[str]) -> set[str]:
        """Build those of a folder that no other one of them brings in; the files they reach."""
        builds = source.build_folders(self.root, text, names, self.given.cache)
        for each in builds.builds:
            self.folders[each.folder] = each
        self.unread |= builds.failures
        return builds.reached

    def file(self, name: str, *, within: str = "", by_hand: bool = False) -> None:
        """One file, or standard input."""
        by_hand = by_hand or name in self.texts
        content = self.texts.get(name)
        try:
            if content is None:
                content = source.read_bytes(self.root, name, Path(within) if within else None)
            shown = source.relative(self.root, self.root / name) if name != STDIN else name
            text = content.decode("utf-8", "replace")
            if not by_hand and recognition.is_template(self.root, name, text):
                raise recognition.template(shown)
            loaded = source.read(content, shown)
        except BuildError as error:
            self.unread[name] = self.refused(name, content, error, by_hand=by_hand)
            return
        self.loose.extend(filter(_is_object, loaded.resources))
        self.defects += loaded.defects
        others = [*loaded.others, *(r.origin for r in loaded.resources if not _is_object(r))]
        for origin in filter(None, others):
            self.pass_over(origin, content)

    def refused(
        self, name: str, content: bytes | None, error: BuildError, *, by_hand: bool
    ) -> MeshgateError:
        """Why a file was not read; a mistake of the command line where that named it."""
        if content is not None:
            text = content.decode("utf-8", "replace")
            error = recognition.unread(self.root, name, text, error)
        if by_hand:
            return UsageError(error.what, why=error.why, hint=error.hint)
        return error

    def pass_over(self, origin: Origin, content: bytes) -> None:
        """Note a document that is no Kubernetes object, by what it is."""
        value = source.document(content, origin)
        kind = recognition.description(origin.file, value)
        shown = f"{origin.file} ({origin.document + 1})" if origin.document else origin.file
        self.others.setdefault(kind, []).append(shown)

    @functools.cached_property
    def scopes(self) -> Scopes:
        """The scope of every kind, by the CRDs that were given."""
        built = (each.build.resources for each in self.folders.values())
        return Scopes(itertools.chain(self.loose, *built))

    def landed(self, resource: Resource) -> Resource:
        """The object in the namespace that the command line gives."""
        name = self.given.namespace
        return self.scopes.landed(resource, name) if name else resource

    def all(self) -> GivenManifests:
        """What was read, in lots. Raises NothingToCheckError."""
        builds = self.lots()
        builds = {n: each for n, each in builds.items() if each.resources or each.record.defects}
        if not builds and not self.unread:
            raise NothingToCheckError(
                "there is no Kubernetes object in " + ", ".join(self.given.paths),
                why="\n".join(self.notes()),
                hint="give files or folders with manifests; an empty check is not a pass",
            )
        locate = source.FolderLocator(self.root, self.texts, self.folders.values())
        return GivenManifests(builds, locate, self.notes(), self.unread)

    def lots(self) -> dict[str, Build]:
        """What can be in one cluster together: no object twice, as far as kustomizations go."""
        lots: list[list[FolderBuild]] = []
        taken: list[set[Key]] = []
        for each in self.folders.values():
            keys = {_key(self.landed(resource)) for resource in each.build.resources}
            free = (at for at, there in enumerate(taken) if keys.isdisjoint(there))
            at = next(free, len(lots))
            if at == len(lots):
                lots.append([])
                taken.append(set())
            lots[at].append(each)
            taken[at] |= keys
        if len(lots) < 2:  # noqa: PLR2004 - nothing to tell apart
            return {"": self.lot(lots[0] if lots else ())}
        return {_common([each.folder for each in lot]): self.lot(lot) for lot in lots}

    def lot(self, builds: Iterable[FolderBuild]) -> Build:
        """What some folders render to, and every loose object with it."""
        resources, defects = list(map(self.landed, self.loose)), list(self.defects)
        chains: dict[ResourceRef, tuple[BuildStep, ...]] = {}
        idle: list[BuildStep] = []
        for each in builds:
            resources += map(self.landed, each.build.resources)
            defects += each.build.record.defects
            chains |= each.build.record.chains
            idle += each.build.record.idle_patches
        return Build(resources, BuildRecord(tuple(defects), chains, tuple(idle)))

    def notes(self) -> list[str]:
        """What the reader must know of what was built, passed over and left out."""
        notes = []
        if self.folders:
            notes.append(f"built by kustomize: {_named(self.folders)}")
        for kind, names in self.others.items():
            notes.append(f"passed over, since they are {kind}: {_named(names)}")
        if self.left_out:
            notes.append(f"left out by ignore files or --exclude: {_named(self.left_out)}")
        return notes


def _is_object(resource: Resource) -> bool:
    """Whether a document is meant for the API server: a chart's description has no kind."""
    return bool(resource.kind) or bool(resource.metadata)


def _key(resource: Resource) -> Key:
    return resource.group, resource.kind, resource.namespace, resource.name


def _common(folders: Sequence[str]) -> str:
    """What a lot is called: its only folder, or the one that holds all of them."""
    return folders[0] if len(folders) == 1 else posixpath.commonpath(folders) or folders[0]


def _named(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
