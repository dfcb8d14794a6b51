"""Build the sources of environments: survey them, render them, tell where each object is from."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from meshgate import tools
from meshgate.errors import BuildError, MeshgateError
from meshgate.model import Defect
from meshgate.source.cache import digest
from meshgate.source.kinds import named, opened
from meshgate.source.kinds.kind import Build, ManifestSource, Workplace, joined
from meshgate.source.kustomize import OFFLINE
from meshgate.source.limits import LIMITS
from meshgate.source.program import on_path
from meshgate.source.render_worker import RenderWorkers
from meshgate.yamldoc.files import Root

# A worker takes as long to start as a kustomize takes for two overlays, and there is one a core.
FEW = 4
# Sources that are kept between their survey and their build: those of some tasks.
MOST_KEPT = 256

__all__ = [
    "Build",
    "Surveyed",
    "contents_digest",
    "inputs",
    "named_folders",
    "reach",
    "render",
    "render_all",
    "survey",
]


def render(root: Path, sources: str, *, cache: Path | None, exact: bool = False) -> Build:
    """Build one environment; `cache` is the folder of kept results, None for none.

    sources  an overlay's folder, or another text of `ManifestSources.sources`
    exact    only by the very version of the toolchain, since bytes are to be compared

    Resources in the order of the sources, with origins relative to `root`; the record holds the
    defects of the sources and, on demand, each object's chain of values. Raises BuildError when it
    does not build or its sources are such that it must not be built, ToolError when the renderer
    is missing, of the wrong version, crashes or hangs.
    """
    with _aside() as aside:
        return _build(root, sources, Workplace(cache, aside, exact))


def render_all(
    root: Path,
    sources: Iterable[str],
    *,
    cache: Path | None,
    progress: Callable[[], object] | None = None,
    threads: int | None = None,
    surveyed: Surveyed | None = None,
) -> dict[str, Build | MeshgateError]:
    """Build several environments at once, `threads` of them; one that fails is its error.

    As many as there are cores, where `threads` does not say. By the text of their sources.
    `progress` is called after each, from any thread. What was `surveyed` is not followed again.
    """

    def build(text: str) -> Build | MeshgateError:
        try:
            known = surveyed.take(text) if surveyed else None
            place = Workplace(cache, aside, workers=workers)
            return _build(root, text, place) if known is None else _joined(known, place)
        except MeshgateError as error:
            return error
        finally:
            if progress:
                progress()

    wanted = list(dict.fromkeys(sources))
    with _aside() as aside, _workers(len(wanted)) as workers:
        pool = concurrent.futures.ThreadPoolExecutor(threads or os.cpu_count())
        try:
            return dict(zip(wanted, pool.map(build, wanted), strict=True))
        finally:
            # After Ctrl-C: those that have not begun never do.
            pool.shutdown(wait=True, cancel_futures=True)


class Surveyed:
    """Sources of one run that were followed for their survey, and are built soon."""

    def __init__(self) -> None:
        self._known: dict[str, list[ManifestSource]] = {}

    def keep(self, sources: str, every: list[ManifestSource]) -> None:
        """Keep them, unless there are many already, or they are large."""
        # What was followed before, and not built, may be another one now.
        self._known.pop(sources, None)
        if len(self._known) < MOST_KEPT and not any(each.is_large for each in every):
            self._known[sources] = every

    def take(self, sources: str) -> list[ManifestSource] | None:
        """Their cached result; None: there is none. Called from any thread, once for each."""
        return self._known.pop(sources, None)


def survey(root: Path, sources: str, surveyed: Surveyed | None = None) -> list[Defect]:
    """The defects of every source file an environment reaches, and of the folders it reaches.

    Never raises for what the sources say: a file that cannot be read at all is for `render`.
    """
    every = opened(root, sources)
    defects = list(dict.fromkeys(d for each in every for d in each.survey()))
    if surveyed is not None:
        surveyed.keep(sources, every)
    return defects


def inputs(root: Path, sources: str, below: Root | None = None) -> frozenset[str]:
    """Every file an environment depends on, relative to `root`.

    Files and folders that are referred to and do not exist yet are in it, too: their appearance
    changes the build. Never raises for what the sources say.
    """
    return reach(root, sources, below)[0]


def reach(root: Path, sources: str, below: Root | None = None) -> tuple[frozenset[str], list[str]]:
    """The `inputs` of an environment, and the folders that belong to it as a whole."""
    every = [each.reached() for each in opened(root, sources, below)]
    names = frozenset(name for each in every for name in each.files | each.absent)
    return names, [*named(sources), *(folder for each in every for folder in each.folders)]


def contents_digest(root: Path, sources: str, cache: Path | None) -> str | None:
    """A digest of all that decides what sources build to, the programs that build them included.

    The sources are followed as for a build: it has the bytes of every file they reach, the names
    that are looked for and are not there, and the manifests beside that nothing brings in. None
    where something cannot be read. Raises UsageError and ToolError as `render`.
    """
    parts: list[str | bytes] = [sources]
    try:
        for each in opened(root, sources):
            at = each.reached()
            parts += ("by", each.built_by(cache), "absent", *sorted(at.absent), "files")
            for name in sorted(at.files):
                parts += (name, each.content(name))
            parts += ("unreached", *each.unreached())
    except BuildError:
        return None
    return digest(*parts)


def named_folders(sources: str) -> list[str]:
    """The folders, or files, that environments.yaml names, in their order."""
    return named(sources)


@contextlib.contextmanager
def _aside() -> Iterator[Path]:
    """A folder for what programs are given, removed whatever happens."""
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        yield Path(os.path.realpath(folder))


def workers_program() -> tools.Binary | None:
    """The program of workers, where it is built."""
    binary = tools.pinned()["render-worker"]
    return binary if binary.path.is_file() else None


def _workers(count: int) -> contextlib.AbstractContextManager[RenderWorkers | None]:
    """Workers for so many environments, where they are faster than a program for each."""
    if count > FEW or (count and not on_path()):
        binary = workers_program()
        if binary is not None:
            return RenderWorkers(str(binary.path), OFFLINE, LIMITS, binary.version)
    return contextlib.nullcontext()


def _build(root: Path, sources: str, place: Workplace) -> Build:
    return _joined(opened(root, sources), place)


def _joined(every: Sequence[ManifestSource], place: Workplace) -> Build:
    return joined([each.build(place) for each in every])
