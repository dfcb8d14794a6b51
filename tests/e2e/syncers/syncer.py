"""What the story asks of a tool that syncs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from e2e.apiserver import Cluster
from e2e.processes import Process, Processes


class Syncer(ABC):
    """A tool that runs against the lab's API server."""

    name: ClassVar[str]  # of `meshgate sync NAME`
    title: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]

    def __init__(self, processes: Processes, folder: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self.running: list[Process] = []
        self.start(processes, folder)

    @abstractmethod
    def start(self, processes: Processes, folder: Path) -> None:
        """Install its CRDs and start its programs."""

    @abstractmethod
    def point(self, clone: Path, token: str) -> None:
        """Apply what `meshgate sync` wrote into a clone, with a token to read the repository."""

    @abstractmethod
    def refresh(self) -> None:
        """Have it look at git and at the cluster now."""

    @abstractmethod
    def synced(self, commit: str) -> bool:
        """Whether it has brought this commit into the cluster, as far as it will."""

    def guards(self) -> Iterator[str]:
        """Try what only this tool refuses; how each went, in a sentence.

        Raises ToolError where something is not refused.
        """
        yield from ()

    def tail(self) -> str:
        """The ends of its logs."""
        return "\n".join(f"{each.name}: {each.tail()}" for each in self.running)
