"""What a guard is, and what it says when it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.values import Event

T = TypeVar("T")

# What may change a cluster.
RENDERING = frozenset({Event.PROMOTE, Event.ROLLBACK, Event.HOTFIX, Event.ADOPT})
# What brings a cluster something that it has not had yet.
FORWARD = frozenset({Event.PROMOTE, Event.HOTFIX})
EVERY = frozenset(Event)


class MissingError(Exception):
    """What a guard needs was not found out."""


class Objection(NamedTuple):
    """One reason of a guard.

    hint     the way out; empty: the guard's own
    waits    time, or somebody's word, will do; the pull request needs no change
    details  what it is about, one line each
    """

    message: str
    hint: str = ""
    waits: bool = False
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A guard that refuses: its id, what it found, the way out.

    waits   it will pass without a change of the pull request
    broken  the guard itself failed: a fault of meshgate, never a pass
    """

    guard: str
    name: str
    message: str
    hint: str
    waits: bool = False
    details: tuple[str, ...] = ()
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition without which nothing is promoted.

    events      it judges these; it has nothing to say of others
    status      the commit status that it shows in, below `promotion/`
    asks_forge  it asks what the forge says; where there is none, the candidate says why
    """

    id: str
    name: str
    summary: str
    why: str
    hint: str
    status: str
    check: Callable[[Candidate], Iterator[Objection]]
    events: frozenset[Event] = EVERY
    asks_forge: bool = False


def known(value: T | None, what: str) -> T:
    """The value. Raises MissingError where it was not found out."""
    if value is None:
        raise MissingError(what)
    return value
