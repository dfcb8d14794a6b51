"""What a guard is, and what it says when it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from msgspec import Struct

from meshgate.promotion.candidate import Candidate, Reviews
from meshgate.promotion.environment_state import Event

T = TypeVar("T")

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


class Refusal(Struct, frozen=True):
    """A guard that refuses: its id, what is wrong, the way out.

    waits    it will pass without a change of the pull request
    broken   the guard itself failed: a fault of meshgate, never a pass
    unknown  what the guard needs was not found out, so that it cannot say
    """

    guard: str
    name: str
    message: str
    hint: str
    waits: bool = False
    details: tuple[str, ...] = ()
    broken: bool = False
    unknown: bool = False


class Guard(Struct, frozen=True):
    """One condition without which nothing is promoted.

    events          it judges these; it has nothing to say of others
    status          the commit status that it shows in, below `promotion/`
    follows_rules   environments.yaml decides what it asks: where rules were loosened and nobody
                    agreed, it is asked once more by those before
    by_files        files alone decide it: the check of a pull request, which has no forge, asks it
    holds_back      while it waits no pull request is opened: the end of the wait changes the state,
                    which would make the commit stale
    shown_as_gate   what it waits for is shown by the table of gates
    awaits          what it waits for, in the words of a page's first line; empty: the guard's name
    awaited_review  of a guard that asks a forge for reviews: what people have to say of a candidate
                    once its pull request is open; empty: nothing
    """

    id: str
    name: str
    summary: str
    why: str
    hint: str
    status: str
    check: Callable[[Candidate], Iterator[Objection]]
    events: frozenset[Event] = EVERY
    follows_rules: bool = True
    by_files: bool = True
    holds_back: bool = False
    shown_as_gate: bool = False
    awaits: str = ""
    awaited_review: Callable[[Candidate], str] | None = None

    @property
    def asks_forge(self) -> bool:
        """Whether it asks what the forge says; where there is none, the candidate says why."""
        return self.awaited_review is not None

    def refusal(self, objection: Objection) -> Refusal:
        """An objection of this guard, with its own way out where the objection names none."""
        return Refusal(
            self.id,
            self.name,
            objection.message,
            objection.hint or self.hint,
            objection.waits,
            objection.details,
        )


def known(value: T | None, what: str) -> T:
    """The value. Raises MissingError where it was not found out."""
    if value is None:
        raise MissingError(what)
    return value


def reviews_of(candidate: Candidate) -> Reviews:
    """What the forge says of the pull request. Raises MissingError where it was not asked."""
    return known(candidate.reviews, "what the forge says of the pull request")
