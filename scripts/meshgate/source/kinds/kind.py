"""What every kind of source does for the rest of the project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from msgspec import Struct, field

from meshgate.model import BuildRecord, BuildStep, Defect, Resource, ResourceRef
from meshgate.source.render_worker import RenderWorkers

T = TypeVar("T")


class Build(NamedTuple):
    """What is built of the sources of one environment, as it is judged."""

    resources: list[Resource]
    record: BuildRecord


class Workplace(NamedTuple):
    """With what something is built.

    cache  folder of kept results, None for none
    aside  an empty folder for what a program is given; never that of what is judged
    exact  only by the very version of the toolchain, since bytes are to be compared
    workers  programs that render one overlay after the other; None: one is started for each
    """

    cache: Path | None
    aside: Path
    exact: bool = False
    workers: RenderWorkers | None = None


class Reached(Struct, frozen=True):
    """What a source is built from, relative to the root.

    folders  those that belong to it as a whole; the root itself is not among them
    files    every file that is read
    absent   names that are looked for and are not there: their appearance changes the build
    surroundings  folders beside and below which all manifests are expected to be brought in
    """

    folders: Sequence[str] = ()
    files: frozenset[str] = field(default_factory=frozenset)
    absent: frozenset[str] = field(default_factory=frozenset)
    surroundings: Sequence[str] = ()


class ManifestSource(Protocol):
    """One source of manifests."""

    # The folder, or file, that environments.yaml names.
    path: str

    @property
    def is_large(self) -> bool:
        """Whether it holds whole folders, and not the few files that it names one by one."""

    def reached(self) -> Reached:
        """What it is built from. Never raises for what the sources say."""

    def content(self, name: str) -> bytes:
        """The bytes of one of its files. Raises BuildError."""

    def built_by(self, cache: Path | None) -> str:
        """What tells the program that builds it from another; empty where none is needed.

        Raises UsageError and ToolError.
        """

    def survey(self) -> list[Defect]:
        """What is wrong with it before anything is built. Never raises for what it says."""

    def unreached(self) -> list[str]:
        """Manifests in its folders that it does not bring in."""

    def build(self, place: Workplace) -> Build:
        """Its objects, with origins relative to the root.

        Raises BuildError where it does not build or must not be built, ToolError where a program
        is missing, crashes or hangs.
        """


def joined(builds: Sequence[Build]) -> Build:
    """Several builds as the one of an environment, in their order."""
    if len(builds) == 1:
        return builds[0]
    chains: dict[ResourceRef, tuple[BuildStep, ...]] = {}
    for _, record in builds:
        chains |= record.chains
    return Build(
        [resource for resources, _ in builds for resource in resources],
        BuildRecord(
            defects=_of_all(record.defects for _, record in builds),
            chains=chains,
            idle_patches=_of_all(record.idle_patches for _, record in builds),
            removing_patches=_of_all(record.removing_patches for _, record in builds),
        ),
    )


def _of_all(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(each for part in parts for each in part)
