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
    known: set[Change] = set()
    for old, new in pairs:
        for difference in _differences(old, new, before, after):
            if difference.change not in known:
                known.add(difference.change)
                yield difference


def _differences(
    was: Admission | None, will: Admission | None, before: Mesh, after: Mesh
) -> Iterator[AccessDifference]:
    """What changes of one connection."""
    change = admission.change(was, will, before.authorization, after.authorization)
    if change.reason:
        yield AccessDifference(Change.UNKNOWN, reason=change.reason)
    whole = (EVERYTHING,) if _is_whole(was, will) else ()
    if change.opened is not None:
        requests = whole or change.newly_permitted
        yield AccessDifference(Change.OPENED, change.opened.request, requests)
    if change.closed is not None:
        yield AccessDifference(Change.CLOSED, change.closed.request, whole or change.newly_denied)


def _is_whole(was: Admission | None, will: Admission | None) -> bool:
    """Whether all requests change."""
    both = {each.allows if each is not None else Allows.ALL for each in (was, will)}
    return both == {Allows.NONE, Allows.ALL}
