"""What a change lets in that was denied, and denies that was let in."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from meshgate.mesh.authorization.access import AccessSet, access_sets
from meshgate.mesh.authorization.attributes import Connection
from meshgate.mesh.authorization.authorization import Authorization
from meshgate.mesh.authorization.boxes import TooComplexError, intersections
from meshgate.mesh.authorization.cover import MAX_PARTS, described
from meshgate.mesh.authorization.enforcement import Server
from meshgate.mesh.authorization.projection import UndecidableError
from meshgate.mesh.authorization.space import Witness


class Side(Struct, frozen=True):
    """One state of a mesh and how a client meets a server there."""

    authorization: Authorization
    server: Server
    connection: Connection


class AccessChange(Struct, frozen=True):
    """How the requests that a server lets in differ between two states of a mesh.

    opened    a request that only the state after lets in; None: there is none
    closed    a request that only the state before lets in; None: there is none
    newly_permitted, newly_denied  the whole of it, in words
    reason    why it is unknown; empty: it is known
    """

    opened: Witness | None = None
    closed: Witness | None = None
    newly_permitted: tuple[str, ...] = ()
    newly_denied: tuple[str, ...] = ()
    reason: str = ""


def access_change(before: Side, after: Side) -> AccessChange:
    """What changes for a client at a server port, over all requests.

    The connection may differ too, as where a client loses its identity. Requests that an external
    authorizer is asked about count as permitted, as long as the same ones are asked about.
    """
    sides = (before, after)
    for side in sides:
        reason = side.authorization.undecided(side.server, side.connection)
        if reason:
            return AccessChange(reason=reason)
    if before.authorization.normalization is not after.authorization.normalization:
        return AccessChange(reason="paths are normalized in another way")
    rule_sets = [side.authorization.free_rules(side.server, side.connection) for side in sides]
    denied = [side.authorization.peers_deny(side.server, side.connection) for side in sides]
    if denied[0] is denied[1] and rule_sets[0].meaning == rule_sets[1].meaning:
        return AccessChange()
    try:
        old, new = access_sets(rule_sets, before.authorization.normalization, _families(sides))
        for access, is_denied in zip((old, new), denied, strict=True):
            if is_denied:
                access.allow = []
        return _change(old, new)
    except (TooComplexError, UndecidableError) as error:
        return AccessChange(reason=str(error))


def opened_between(before: Side, between: Side, after: Side) -> str | bool:
    """Whether one state lets in a request that two others deny; a text: why it is not known."""
    sides = (before, between, after)
    for side in sides:
        reason = side.authorization.undecided(side.server, side.connection)
        if reason:
            return reason
    rule_sets = [side.authorization.free_rules(side.server, side.connection) for side in sides]
    try:
        sets = access_sets(rule_sets, between.authorization.normalization, _families(sides))
        for access, side in zip(sets, sides, strict=True):
            if side.authorization.peers_deny(side.server, side.connection):
                access.allow = []
        old, here, new = sets
        beyond = (here.beyond(old, MAX_PARTS), here.beyond(new, MAX_PARTS))
    except (TooComplexError, UndecidableError) as error:
        return str(error)
    return bool(intersections(*beyond))


def _families(sides: Iterable[Side]) -> frozenset[int]:
    return frozenset().union(*(side.authorization.families for side in sides))


def _change(old: AccessSet, new: AccessSet) -> AccessChange:
    if old.asks_otherwise(new):
        return AccessChange(reason="other requests are put to an external authorizer")
    opened, newly_permitted = _beyond(new, old)
    closed, newly_denied = _beyond(old, new)
    return AccessChange(opened, closed, newly_permitted, newly_denied)


def _beyond(mine: AccessSet, other: AccessSet) -> tuple[Witness | None, tuple[str, ...]]:
    """What one set has beyond another: an example, and all of it in words.

    Where all of it is too much, the words are those of the example.
    """
    first = mine.first_beyond(other)
    if first is None:
        return None, ()
    try:
        boxes = mine.beyond(other, MAX_PARTS)
    except TooComplexError:
        boxes = [first]
    return mine.witness(first), described(mine, boxes)
