"""Where the files of environments are: a folder, or objects that are rendered already."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeAlias

from meshgate import source
from meshgate.errors import MeshgateError
from meshgate.model import BuildRecord, Defect, Environment, Resource
from meshgate.source import Build, Locator

# What is done and in how many parts; entered, it gives what to call after each of them.
Track: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[], object]]]


class Files(Protocol):
    """What the pipeline asks of a place with files."""

    locate: Locator

    def survey(self, environment: Environment) -> Sequence[Defect]:
        """What is wrong with the sources of an environment, before anything is built."""

    def render(self, environments: Sequence[Environment]) -> Mapping[str, Build | MeshgateError]:
        """What each environment renders to, by name, or why it does not."""

    def inventory(self, environment: Environment) -> Sequence[Resource]:
        """What is known to run there. Raises BuildError."""

    def values(self, environment: Environment) -> Mapping[str, str]:
        """Values of variables that objects beside the environment's give, asked where one lacks."""


def untracked(_: str, __: int) -> AbstractContextManager[Callable[[], object]]:
    """Progress that nobody sees."""
    return contextlib.nullcontext(lambda: None)


class Folder:
    """A repository as a folder: the working tree, or a revision that was written out.

    cache    the folder of kept renders, None for none
    threads  how many programs render at once; None: as many as there are cores
    """

    def __init__(
        self,
        root: Path,
        *,
        cache: Path | None,
        track: Track = untracked,
        threads: int | None = None,
    ) -> None:
        self.root = root
        self.cache = cache
        self.locate = source.Locator(root)
        self._track = track
        self._threads = threads
        self._surveyed = source.Surveyed()
        # The environments whose judgement rests on objects beside their own, by name.
        self.asked_for_values: set[str] = set()

    def survey(self, environment: Environment) -> Sequence[Defect]:
        return source.survey(self.root, environment.sources, self._surveyed)

    def render(self, environments: Sequence[Environment]) -> Mapping[str, Build | MeshgateError]:
        sources = [environment.sources for environment in environments]
        with self._track("rendering", len(sources)) as step:
            built = source.render_all(
                self.root,
                sources,
                cache=self.cache,
                progress=step,
                threads=self._threads,
                surveyed=self._surveyed,
            )
        return {environment.name: built[environment.sources] for environment in environments}

    def inventory(self, environment: Environment) -> Sequence[Resource]:
        return source.read_folder(self.root, f"inventory/{environment.name}")

    def values(self, environment: Environment) -> Mapping[str, str]:
        self.asked_for_values.add(environment.name)
        return source.flux_values(self.root, source.named_folders(environment.sources))


class Objects:
    """Environments whose objects are at hand: rendered files, manifests that were given.

    objects    by environment; with the record of how they came to be, where there is one
    locate     where objects are written
    inventory  of an environment, by name; raises BuildError
    sources    the environments whose objects stand as they are written, so that an error in how
               refuses them
    """

    def __init__(
        self,
        objects: Mapping[str, Sequence[Resource] | Build],
        locate: Locator,
        inventory: Callable[[str], Sequence[Resource]] | None = None,
        *,
        sources: Collection[str] = (),
    ) -> None:
        self.locate = locate
        self._builds = {
            name: value if isinstance(value, Build) else Build(list(value), BuildRecord())
            for name, value in objects.items()
        }
        self._inventory = inventory
        self._sources = frozenset(sources)

    def survey(self, environment: Environment) -> Sequence[Defect]:
        own = environment.name in self._sources
        return self._builds[environment.name].record.defects if own else ()

    def render(self, environments: Sequence[Environment]) -> Mapping[str, Build | MeshgateError]:
        return {environment.name: self._builds[environment.name] for environment in environments}

    def inventory(self, environment: Environment) -> Sequence[Resource]:
        return self._inventory(environment.name) if self._inventory else ()

    def values(self, environment: Environment) -> Mapping[str, str]:
        return source.values_of(self._builds[environment.name].resources)
