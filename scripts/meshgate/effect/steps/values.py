"""What a plan is made of: steps, the edits of each, and why there is no plan."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from meshgate.effect.changes import Effect
from meshgate.model import Resource

# API group, kind, namespace, name: an object is the same in every version of its API.
Key: TypeAlias = tuple[str, str, str | None, str]


def key_of(resource: Resource) -> Key:
    """What identifies an object across revisions."""
    return resource.group, resource.kind, resource.namespace, resource.name


def sorted_by(resource: Resource) -> tuple[str, ...]:
    """The place of an object among others."""
    return tuple(part or "" for part in key_of(resource))


class Purpose(enum.StrEnum):
    """What a step is for."""

    HOLD = "hold"
    SOFTEN = "soften"
    CLIENTS = "clients"
    SERVERS = "servers"
    RELEASE = "release"


class NoPlanReason(enum.StrEnum):
    """Why there is no plan."""

    NOT_POLICY = "not-policy"
    UNDECIDED = "undecided"
    NO_WAY = "no-way"
    GAVE_UP = "gave-up"


class Edit(Struct, frozen=True):
    """One object that a step writes whole; `before` None: it is new; `after` None: it goes."""

    before: Resource | None
    after: Resource | None

    @property
    def resource(self) -> Resource:
        """The object, as it is after the step where it still is."""
        either = self.after or self.before
        assert either is not None
        return either

    @property
    def action(self) -> str:
        """`create`, `replace` or `delete`."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "replace"


class SafeStep(Struct, frozen=True):
    """One change on the way.

    `policies` is every managed object after it, `effect` what it does to the state before it.
    `exposed` counts the calls that go in plaintext after it and at neither end of the way.
    """

    edits: tuple[Edit, ...]
    policies: tuple[Resource, ...]
    purposes: tuple[Purpose, ...]
    effect: Effect
    exposed: int = 0


class Plan(Struct, frozen=True):
    """Safe steps, in order; none where nothing is to be done.

    `total` is the effect of all of them together. A call that it breaks is broken by some step,
    since it does not work in the end. `judged` counts the changes that were tried.
    """

    steps: tuple[SafeStep, ...]
    total: Effect
    judged: int = 0


class NoPlan(Struct, frozen=True):
    """There are no safe steps, or none were found; `total` is the effect of the change itself."""

    why: NoPlanReason
    reason: str
    total: Effect
    judged: int = 0


def edits_between(before: Iterable[Resource], after: Iterable[Resource]) -> tuple[Edit, ...]:
    """What has to be written to get from one state to another, sorted by object."""
    old, new = by_key(before), by_key(after)
    edits = []
    for key in dict.fromkeys(map(key_of, sorted((*old.values(), *new.values()), key=sorted_by))):
        was, will = old.get(key), new.get(key)
        if was is None or will is None or was.value != will.value:
            edits.append(Edit(was, will))
    return tuple(edits)


def by_key(resources: Iterable[Resource]) -> Mapping[Key, Resource]:
    """Objects by what identifies them."""
    return {key_of(each): each for each in resources}
