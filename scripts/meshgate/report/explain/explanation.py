"""What an explanation is made of: chapters of sentences with their sources, and repairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh import ClientPolicy, Delivery, Explanation, Service, ServicePort, Workload
from meshgate.model import Position
from meshgate.report.view import View


class Statement(NamedTuple):
    """A sentence, the place it is read from, and how it is marked: `decides`, `hidden` or empty."""

    text: str
    source: Position | None = None
    mark: str = ""


class Chapter(NamedTuple):
    """A question and its answer."""

    title: str
    lines: tuple[Statement, ...]


class CallRepair(NamedTuple):
    """One way out, with the manifest that does it where one can be written."""

    text: str
    manifest: str = ""


class Case(NamedTuple):
    """The call that is explained: one client, one service port, everything that decides."""

    view: View
    client: Workload
    service: Service
    port: ServicePort
    why: Explanation
    # Where VirtualServices may send what is called, where that is not simply the service itself.
    routed: tuple[str, ...] = ()

    @property
    def policy(self) -> ClientPolicy:
        """What the client sends."""
        return self.why.policy

    def sorts(self) -> Iterator[tuple[Delivery, list[Delivery]]]:
        """The deliveries that differ in more than the endpoint, each with those like it."""
        by_key: dict[object, list[Delivery]] = {}
        for delivery in self.policy.deliveries:
            key = (*delivery[1:5], delivery.admission, delivery.blocking)
            by_key.setdefault(key, []).append(delivery)
        for alike in by_key.values():
            yield alike[0], alike


class CallExplanation(NamedTuple):
    """A call explained: chapters of sentences, and repairs."""

    case: Case
    chapters: tuple[Chapter, ...]
    repairs: tuple[CallRepair, ...]
