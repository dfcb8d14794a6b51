"""Whether the files that clusters are told by are, in a commit, what its environments.yaml says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshgate import config
from meshgate.cluster.sync.files import AGENTS, SOURCE_IGNORE, WRITTEN, files, leftovers, stale
from meshgate.cluster.sync.target import targets
from meshgate.promotion.release_inputs import ReleaseInputs, is_at, named_at
from meshgate.repository import Repository, extract

FOLDER = "sync"
# What the generated files follow from, beside what environments are built from.
FOLLOW_FROM = (
    *("environments.yaml", "waivers", "expectations", "inventory"),
    *("promotion/toolchain.yaml", "rendered", FOLDER, SOURCE_IGNORE),
)


def follows(path: str, inputs: Iterable[str]) -> bool:
    """Whether a change of a path may change what clusters are told, or is one of it.

    `inputs`: the folders and files that environments are built from, before the change and after.
    """
    return is_at(path, (*FOLLOW_FROM, *inputs))


def stale_files(repository: Repository, commit: str, *, cache: Path | None) -> list[str]:
    """The generated files of a commit that are not what they follow from, for each agent it has.

    Raises UsageError where environments.yaml does not say enough, and what a build raises.
    """
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        root = Path(folder)
        # What is named has to be there, and what that reaches tells which folders are synced.
        built_from = (
            *ReleaseInputs(repository, cache=cache).at(commit),
            *named_at(repository, commit),
        )
        elsewhere = [path for path in dict.fromkeys(built_from) if not is_at(path, FOLLOW_FROM)]
        extract(repository, commit, (*FOLLOW_FROM, *elsewhere), root)
        agents = list(_agents(root))
        if not agents:
            return []
        configuration = config.load(root)
        every = targets(root, configuration, configuration.environments, cache=cache)
        names = [environment.name for environment in configuration.environments]
        outdated: list[str] = []
        for agent in agents:
            outdated += stale(root, files(agent, every, every))
            outdated += leftovers(root, agent, names)
        return outdated


def _agents(root: Path) -> Iterator[str]:
    """The agents whose files a folder has."""
    for agent in AGENTS:
        mark = WRITTEN.format(agent=agent).encode()
        present = sorted((root / FOLDER / agent).rglob("*.yaml"))
        if any(
            file.is_file() and not file.is_symlink() and mark in file.read_bytes()
            for file in present
        ):
            yield agent
