"""What a change does to one call, in one word, and how that word is found."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from meshgate.mesh import Delivery, Outcome, Transport, Verdict, verdict


class Change(enum.StrEnum):
    """What becomes of a call, the gravest first; the values are those of the JSON output."""

    # It works, or may work, and fails afterwards.
    BREAKS = "breaks"
    # It ends at another host than it did, outside the mesh or at its own proxy: not where it was
    # meant to go.
    LED_AWAY = "led-away"
    # The same of a client outside the mesh that nobody counts on: what STRICT is for.
    SHUT_OUT = "shut-out"
    # It works, in plaintext instead of under TLS.
    EXPOSED = "exposed"
    # Requests of a client are denied that were let in; others still are.
    CLOSED = "closed"
    # What becomes of it cannot be told any more, or could not be told before.
    UNKNOWN = "unknown"
    # Requests of a client are let in that policies denied.
    OPENED = "opened"
    # It fails, and works afterwards.
    MENDS = "mends"
    # It works, under TLS instead of in plaintext.
    ENCRYPTED = "encrypted"
    # It goes another way to the same end, or fails for another reason.
    MOVED = "moved"
    # Its client, its endpoint or its route is new, or gone.
    APPEARS = "appears"
    VANISHES = "vanishes"


GRAVEST_FIRST = tuple(Change)
# What a call that counts must not suffer.
BREAKING = (Change.BREAKS, Change.LED_AWAY)
APPLICATION = "whether it works depends on the application at the other end"

_PROTECTED = frozenset({Transport.MTLS, Transport.TLS, Transport.MTLS_USER})


class Judgement(NamedTuple):
    """What a change does to a call. `decided` False: `reason` says what it depends on."""

    change: Change
    decided: bool
    reason: str = ""


def call_verdict(delivery: Delivery) -> Verdict:
    """Whether a call works; one that finds nothing at the other end does not."""
    if delivery.outcome is Outcome.NO_ENDPOINT:
        return Verdict.BROKEN
    return verdict(delivery.outcome, delivery.transport)


def on_wire(delivery: Delivery) -> Delivery:
    """How a call ends as far as TLS goes, whoever may refuse it still."""
    if delivery.on_wire is None:
        return delivery
    return delivery._replace(outcome=delivery.on_wire, on_wire=None)


def is_denied(delivery: Delivery) -> bool:
    """Whether policies deny every request of a call, or drop its packets."""
    if delivery.outcome is Outcome.BLOCKED:
        return True
    return delivery.outcome is Outcome.DENIED and delivery.admission is not None


def answers(delivery: Delivery) -> tuple[Delivery, ...]:
    """What may become of a call: one answer for each order of creation that matters."""
    return delivery.alternatives or (delivery,)


def judged(before: Delivery, after: Delivery) -> Judgement | None:
    """What happens to a call between two deliveries; None: nothing."""
    if _content(before) == _content(after):
        return None
    judgements = [
        _judged(first, second)
        for first, second in itertools.product(answers(before), answers(after))
    ]
    changes = list(dict.fromkeys(each.change for each in judgements if each is not None))
    if not changes:
        return None
    gravest = min(changes, key=GRAVEST_FIRST.index)
    reason = next((each.reason for each in judgements if each and each.reason), "")
    if len(changes) == 1 and None not in judgements:
        return Judgement(gravest, all(each.decided for each in judgements if each), reason)
    return Judgement(gravest, decided=False, reason=after.reason or before.reason or reason)


def _content(delivery: Delivery) -> tuple[object, ...]:
    """All that tells one delivery from another, the endpoint aside."""
    return delivery.reason, frozenset(
        (*_answer(each), each.on_wire, each.admission) for each in answers(delivery)
    )


def _answer(delivery: Delivery) -> tuple[object, ...]:
    return delivery.outcome, delivery.transport


def _judged(before: Delivery, after: Delivery) -> Judgement | None:
    """The same where both ends are certain of themselves."""
    if before.on_wire is not None and after.on_wire is not None:
        judgement = _judged(on_wire(before), on_wire(after))
        return judgement and judgement._replace(decided=False, reason=after.reason)
    if _answer(before) == _answer(after):
        return None
    was, will = call_verdict(before), call_verdict(after)
    if is_denied(before) and may_work(after):
        return Judgement(Change.OPENED, decided=True)
    reason = after.reason or before.reason
    if Verdict.UNKNOWN in {was, will}:
        grave = will is Verdict.BROKEN and was is Verdict.UNKNOWN
        return Judgement(Change.BREAKS if grave else Change.UNKNOWN, decided=False, reason=reason)
    if was is will:
        return Judgement(_another_way(before, after, was), decided=True)
    change = Change.BREAKS if will is Verdict.BROKEN or was is Verdict.WORKS else Change.MENDS
    # A call that leaves the mesh is taken to work until something on the way stops it.
    leaves = Outcome.EXTERNAL in {before.outcome, after.outcome} and Verdict.BROKEN in {was, will}
    decided = leaves or Verdict.DEPENDS not in {was, will}
    return Judgement(change, decided, "" if decided else APPLICATION)


def _another_way(before: Delivery, after: Delivery, both: Verdict) -> Change:
    if both is Verdict.BROKEN:
        return Change.MOVED
    was, will = before.transport in _PROTECTED, after.transport in _PROTECTED
    if was is will:
        return Change.MOVED
    return Change.ENCRYPTED if will else Change.EXPOSED


def mixes(before: Delivery, after: Delivery) -> Iterator[tuple[Delivery, Delivery]]:
    """The answers of both sides that may work, of which the clients send something different."""
    for first, second in itertools.product(
        map(on_wire, answers(before)), map(on_wire, answers(after))
    ):
        ways = [(each.transport, each.name, each.tunnel) for each in (first, second)]
        if ways[0] != ways[1] and may_work(first) and may_work(second):
            yield first, second


def may_work(delivery: Delivery) -> bool:
    """Whether a call works, or does if the application is fit for it."""
    return call_verdict(delivery) in {Verdict.WORKS, Verdict.DEPENDS}
