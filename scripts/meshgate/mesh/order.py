"""Which of two objects is older, and what to do where files do not say."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from meshgate.model import JSON

# The reason of an answer that two orders of creation give differently.
ORDER = "the order of objects without creationTimestamp decides"

_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Aged(Protocol):
    """Something that Istio sorts by age."""

    @property
    def created(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def namespace(self) -> str: ...


A = TypeVar("A", bound=Aged)


def created(value: JSON) -> str:
    """A creationTimestamp as sortable UTC text with one-second resolution; empty: not known."""
    if not value:
        return ""
    if isinstance(value, datetime.datetime):
        moment = value
    else:
        text = str(value)
        if _CANONICAL.fullmatch(text):
            return text
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            return ""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    try:
        return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:  # the year 1 or 9999 with an offset that leaves them
        return ""


def age(item: Aged) -> tuple[str, str, str]:
    """Istio's sort key: creation time, then name, then namespace (sortConfigByCreationTime).

    Objects without a time sort first and by name, as those of one fresh sync do.
    """
    return item.created, item.name, item.namespace


def may_precede(item: Aged, other: Aged) -> bool:
    """Whether istiod may sort one object before the other."""
    return age(item) < age(other) if item.created and other.created else True


def possible_oldest(items: Sequence[A]) -> tuple[A, ...]:
    """The items that may be the oldest; the first is that of a fresh cluster.

    An object without creationTimestamp may be older than any other.
    """
    if len(items) <= 1:
        return tuple(items)
    ordered = sorted(items, key=age)
    undated = [item for item in ordered if not item.created]
    dated = [item for item in ordered if item.created][:1]
    return tuple(undated + dated)
