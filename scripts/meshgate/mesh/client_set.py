"""Clients that are known by their classes, whatever these tell apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from meshgate.mesh.workloads import Workload


class NamespacedClients(Protocol):
    """A class of clients, all of one namespace."""

    @property
    def namespace(self) -> str:
        """Where they live."""
        ...

    @property
    def members(self) -> Sequence[Workload]:
        """The clients."""
        ...


class ClientSet(ABC):
    """Some clients, in classes of one namespace each."""

    __slots__ = ()

    @property
    @abstractmethod
    def classes(self) -> Iterable[NamespacedClients]:
        """Their classes, each once."""

    @property
    def members(self) -> Iterator[Workload]:
        """The clients themselves."""
        for each in self.classes:
            yield from each.members

    @property
    def namespaces(self) -> list[str]:
        """The namespaces they live in, sorted."""
        return sorted({each.namespace for each in self.classes})
