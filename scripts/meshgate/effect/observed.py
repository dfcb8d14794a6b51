"""Calls seen in reality, replayed against the meshes before and after a change."""

from __future__ import annotations

import contextlib
import enum
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from meshgate.effect.clients import KnownCall
from meshgate.effect.outcomes import WIRE, OutcomesByPort, SeenOutcome
from meshgate.effect.replayer import Replayer
from meshgate.mesh import Mesh, Verdict
from meshgate.model import SeenCall


class SeenFate(enum.StrEnum):
    """What a change does to a call that was seen."""

    FAILS = "fails"
    UNDECIDED = "undecided"
    HOLDS = "holds"


class Replayed(Struct, frozen=True):
    """One seen call: how it ends before and after, and what that means.

    reason         why it is undecided, or fails though its end does not tell
    contradiction  what the mesh before the change denies although it was seen: the inventory or
                   the policies are not those of the cluster
    """

    call: SeenCall
    before: SeenOutcome
    after: SeenOutcome
    fate: SeenFate
    reason: str = ""
    contradiction: str = ""


class Replay(Struct, frozen=True):
    """All seen calls, sorted; equal ones are one."""

    calls: tuple[Replayed, ...]

    @property
    def counts(self) -> Counter[SeenFate]:
        """How many have which fate."""
        return Counter(each.fate for each in self.calls)

    @property
    def failing(self) -> tuple[Replayed, ...]:
        """Those that would fail, the busiest first."""
        return self._busiest(SeenFate.FAILS)

    @property
    def undecided(self) -> tuple[Replayed, ...]:
        """Those of which files do not tell, the busiest first."""
        return self._busiest(SeenFate.UNDECIDED)

    @property
    def contradicting(self) -> tuple[Replayed, ...]:
        """Those that the mesh before the change denies."""
        return tuple(each for each in self.calls if each.contradiction)

    def _busiest(self, fate: SeenFate) -> tuple[Replayed, ...]:
        alike = [each for each in self.calls if each.fate is fate]
        return tuple(sorted(alike, key=lambda each: -each.call.rate))


def replay(calls: Iterable[SeenCall], before: Mesh, after: Mesh) -> Replay:
    """What a change does to each seen call. A seen call counts, whatever its client is.

    The work grows with the number of calls, and with the distinct pairs of client class and
    service among them.
    """
    old, new = Replayer(before), Replayer(after)
    return Replay(tuple(_replayed(call, old, new) for call in merged(calls)))


def known_calls(calls: Iterable[SeenCall], before: Mesh) -> Iterator[KnownCall]:
    """The seen calls as `effect` takes them: of a workload to a service, both in the inventory."""
    replayer = Replayer(before)
    for call in calls:
        if call.client and call.host:
            with contextlib.suppress(LookupError):
                namespace, _, name = call.client.partition("/")
                host = replayer.host(call)
                for port in _ports(call, replayer.ends(call)):
                    yield KnownCall(namespace, name, host, port)


def merged(calls: Iterable[SeenCall]) -> list[SeenCall]:
    """The calls with equal ones joined: rates added up, the last time kept; sorted."""
    by_call: dict[tuple[str | int, ...], SeenCall] = {}
    for call in calls:
        key = (
            *(call.client, call.host, call.port or 0),
            *(call.server, call.server_port or 0, str(call.security)),
        )
        known = by_call.get(key)
        by_call[key] = (
            call
            if known is None
            else structs.replace(
                known,
                rate=known.rate + call.rate,
                last_seen=max(known.last_seen, call.last_seen),
            )
        )
    return [by_call[key] for key in sorted(by_call)]


def _replayed(call: SeenCall, old: Replayer, new: Replayer) -> Replayed:
    earlier, later = old.ends(call), new.ends(call)
    ports = _ports(call, earlier)
    before, after = earlier.at(ports), later.at(ports or None)
    contradiction = _contradiction(call, before)
    fate, reason = _fate(before, after)
    if fate is SeenFate.HOLDS and before.gainsays(call.security):
        refused = {new.taken(call, port) for port in ports} - {Verdict.WORKS}
        if refused:
            fate, reason = SeenFate.UNDECIDED, f"{contradiction}, and that would not be taken"
    elif fate is SeenFate.UNDECIDED and not reason:
        reason = contradiction
    return Replayed(call, before, after, fate, reason, contradiction)


def _ports(call: SeenCall, ends: OutcomesByPort) -> list[int]:
    """The ports where the call could be seen as it was, all if there is none: few metrics tell."""
    fitting = [port for port, end in ends.by_port.items() if end.fits(call.security)]
    return fitting or list(ends.by_port)


def _fate(before: SeenOutcome, after: SeenOutcome) -> tuple[SeenFate, str]:
    if after.lost > before.lost and after.verdict is not Verdict.BROKEN:
        return SeenFate.FAILS, "a route that it may take ends nowhere"
    if after.verdict is Verdict.WORKS:
        return SeenFate.HOLDS, ""
    if after.verdict is Verdict.BROKEN:
        # What is denied before already is no effect of the change.
        return (SeenFate.UNDECIDED if before.verdict is Verdict.BROKEN else SeenFate.FAILS), ""
    if after.verdict is Verdict.DEPENDS:
        if (before.verdict, before.outcomes, before.transports) == (
            after.verdict,
            after.outcomes,
            after.transports,
        ):
            return SeenFate.HOLDS, ""
        why = after.reason or "it depends on the TLS of the application"
        return SeenFate.UNDECIDED, why
    return SeenFate.UNDECIDED, after.reason or " or ".join(after.outcomes)


def _contradiction(call: SeenCall, before: SeenOutcome) -> str:
    """What was seen and cannot be, by the mesh before the change."""
    if before.verdict is Verdict.BROKEN:
        return f"it was answered, though it ends in {' or '.join(before.outcomes)} by the files"
    if before.gainsays(call.security):
        sent = " or ".join(sorted(before.transports))
        return f"{WIRE[call.security]} was seen, though {sent} is sent by the files"
    return ""
