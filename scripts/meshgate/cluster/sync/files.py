"""The generated files: their text, whether those on disk are the same, writing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from meshgate import source
from meshgate.cluster.sync import argocd, flux
from meshgate.cluster.sync.target import SyncTarget
from meshgate.errors import UsageError
from meshgate.model import JSONObject, Resource
from meshgate.yamldoc.files import read_file
from meshgate.yamldoc.text import decoded

AGENTS: dict[str, Callable[[SyncTarget], list[JSONObject]]] = {
    "argocd": argocd.objects,
    "flux": flux.objects,
}
SOURCE_IGNORE = ".sourceignore"
WRITTEN = "Written by `meshgate sync {agent}` from environments.yaml: edit that, and run it again."
GUIDE = "docs/sync.md tells what each field is for."
FLUX_FOLDER = "sync/flux"


def files(
    agent: str, targets: Iterable[SyncTarget], every: Iterable[SyncTarget] | None
) -> dict[str, str]:
    """The files of an agent by their path in the repository.

    `every` holds all targets of the repository, None where they are not known: then what is written
    once for all of them is left out. Raises UsageError where environments.yaml does not say enough.
    """
    texts = {path_of(agent, target.environment.name): _text(agent, target) for target in targets}
    if agent == "flux" and every is not None:
        folders = [folder for target in every for folder in target.folders]
        lines = flux.ignored({*(_shallow(folder) for folder in folders), FLUX_FOLDER})
        head = [f"# {WRITTEN.format(agent=agent)}", "# All that Flux may take from here."]
        texts[SOURCE_IGNORE] = "\n".join([*head, *lines]) + "\n"
    return texts


def path_of(agent: str, environment: str) -> str:
    """Where the objects of one environment lie; Flux reads a folder, and each cluster its own."""
    if agent == "flux":
        return f"{FLUX_FOLDER}/{environment}/sync.yaml"
    return f"sync/{agent}/{environment}.yaml"


def stale(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """The wanted files that are missing or differ."""
    return [path for path, text in wanted.items() if _read(root / path) != text]


def leftovers(root: Path, agent: str, environments: Iterable[str]) -> list[str]:
    """Generated files of environments that are gone; what people wrote beside them is theirs."""
    expected = {path_of(agent, environment) for environment in environments}
    mark = WRITTEN.format(agent=agent)
    present = sorted((root / "sync" / agent).rglob("*.yaml"))
    paths = [file.relative_to(root).as_posix() for file in present if mark in (_read(file) or "")]
    return [path for path in paths if path not in expected]


def write(root: Path, wanted: Mapping[str, str], gone: Sequence[str]) -> None:
    """Write these files and remove those. Raises UsageError for what cannot be written."""
    try:
        for path, text in wanted.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for path in gone:
            (root / path).unlink()
            if not any((root / path).parent.iterdir()):
                (root / path).parent.rmdir()
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def _text(agent: str, target: SyncTarget) -> str:
    resources = [Resource.of(value) for value in AGENTS[agent](target)]
    return source.dump(resources, comment=f"{WRITTEN.format(agent=agent)}\n{GUIDE}")


def _shallow(folder: str) -> str:
    """What every environment may take is not divided: the folders at the top."""
    return folder.partition("/")[0]


def _read(file: Path) -> str | None:
    if not file.exists():
        return None
    return decoded(read_file(file, str(file)), str(file))
