"""What policies say of all connections that one client may make to a port, before and after."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from meshgate.effect.access import EVERYTHING, AccessDifference
from meshgate.effect.verdicts import Change
from meshgate.mesh import Admission, Allows, Mesh, admission
from meshgate.mesh.authorization import Connection


def paired(
    old: dict[Connection, Admission], new: dict[Connection, Admission]
) -> Iterator[tuple[Admission | None, Admission | None]]:
    """What policies say of each connection that a client may make, on both sides.

    A client may speak HTTP or not on a port whose protocol no file tells.
    """
    if not old or not new or old.keys() == new.keys():
        for key in dict.fromkeys((*old, *new)):
            yield old.get(key), new.get(key)
    else:
        yield from itertools.product(old.values(), new.values())


def differences_of(
    pairs: Iterable[tuple[Admission | None, Admission | None]], before: Mesh, after: Mesh
) -> Iterator[AccessDifference]:
    """What changes over some connections, each sort of change once."""
    told: set[Change] = set()
    for old, new in pairs:
        for found in _differences(old, new, before, after):
            if found.change not in told:
                told.add(found.change)
                yield found


def _differences(
    was: Admission | None, will: Admission | None, before: Mesh, after: Mesh
) -> Iterator[AccessDifference]:
    """What changes of one connection."""
    found = admission.change(was, will, before.authorization, after.authorization)
    if found.reason:
        yield AccessDifference(Change.UNKNOWN, reason=found.reason)
    whole = (EVERYTHING,) if _is_whole(was, will) else ()
    if found.opened is not None:
        requests = whole or found.newly_permitted
        yield AccessDifference(Change.OPENED, found.opened.request, requests)
    if found.closed is not None:
        yield AccessDifference(Change.CLOSED, found.closed.request, whole or found.newly_denied)


def _is_whole(was: Admission | None, will: Admission | None) -> bool:
    """Whether all requests change."""
    both = {each.allows if each is not None else Allows.ALL for each in (was, will)}
    return both == {Allows.NONE, Allows.ALL}
