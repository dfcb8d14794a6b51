"""What a change does to the requests of one call that policies of authorization decide."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from meshgate.effect.verdicts import Change, is_denied, may_work
from meshgate.mesh import Delivery, Mesh, Request, Witness, admission

# What is said of all requests.
EVERYTHING = "all"


class AccessDifference(Struct, frozen=True):
    """Requests that are let in or denied now: an example, and all of them in few words.

    `reason` says why it is not known what changes; empty: it is known.
    """

    change: Change
    witness: Request | None = None
    requests: tuple[str, ...] = ()
    reason: str = ""


def differences(
    was: Delivery, will: Delivery, before: Mesh, after: Mesh
) -> Iterator[AccessDifference]:
    """What changes within a call of which some requests get in on both sides."""
    if was.admission == will.admission:
        return
    if not all(may_work(each) and not each.alternatives for each in (was, will)):
        return
    change = admission.change(
        was.admission, will.admission, before.authorization, after.authorization
    )
    if change.reason:
        yield AccessDifference(Change.UNKNOWN, reason=change.reason)
        return
    if change.opened is not None:
        yield AccessDifference(Change.OPENED, change.opened.request, change.newly_permitted)
    if change.closed is not None:
        yield AccessDifference(Change.CLOSED, change.closed.request, change.newly_denied)


def example(was: Delivery, will: Delivery) -> tuple[Request | None, tuple[str, ...]]:
    """A request, and all of them, where policies deny every request on one side only."""
    old, new = (each.admission.decision if each.admission else None for each in (was, will))
    if is_denied(will) and may_work(was):
        if old is not None:
            return _request(old.permitted), ()
        return _request(new.denied if new is not None else None), ()
    if is_denied(was) and may_work(will):
        if new is not None:
            return _request(new.permitted), new.requests
        return _request(old.denied if old is not None else None), (EVERYTHING,)
    return None, ()


def _request(witness: Witness | None) -> Request | None:
    return witness.request if witness is not None else None
