"""How a call that was seen ends in one mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from meshgate.mesh import Outcome, Transport, Verdict
from meshgate.model import SeenSecurity

WIRE = {SeenSecurity.NONE: Transport.PLAINTEXT, SeenSecurity.MUTUAL_TLS: Transport.MTLS}


class SeenOutcome(Struct, frozen=True):
    """What becomes of a seen call; outcomes and transports are those of all its endpoints.

    `lost` counts the routes that end nowhere beside others that end somewhere.
    """

    verdict: Verdict
    outcomes: tuple[Outcome, ...] = ()
    transports: frozenset[Transport] = frozenset()
    reason: str = ""
    lost: int = 0

    def fits(self, security: SeenSecurity) -> bool:
        """Whether the call can have been seen as it was."""
        return self.verdict is not Verdict.BROKEN and not self.gainsays(security)

    def gainsays(self, security: SeenSecurity) -> bool:
        """Whether it is known what is sent, and that is not what was seen."""
        seen = WIRE.get(security)
        return seen is not None and bool(self.transports) and seen not in self.transports


class OutcomesByPort(Struct, frozen=True):
    """The ends of a seen call by the port it may have called; none: `reason` tells why."""

    by_port: Mapping[int, SeenOutcome] = field(default_factory=dict)
    reason: str = ""

    def at(self, ports: Iterable[int] | None) -> SeenOutcome:
        """The one end that all these ports give, all there are for None; else it is unknown."""
        if not self.by_port:
            return unknown(self.reason)
        wanted = list(self.by_port) if ports is None else list(ports)
        missing = [port for port in wanted if port not in self.by_port]
        if missing:
            return unknown(f"there is no port {_listed(missing)} any more")
        by_port = {port: self.by_port[port] for port in wanted}
        verdicts = dict.fromkeys(each.verdict for each in by_port.values())
        joined = SeenOutcome(
            next(iter(verdicts)),
            tuple(dict.fromkeys(o for each in by_port.values() for o in each.outcomes)),
            frozenset().union(*(each.transports for each in by_port.values())),
            next((each.reason for each in by_port.values() if each.reason), ""),
            max(each.lost for each in by_port.values()),
        )
        if len(verdicts) == 1:
            return joined
        by_answer = "; ".join(
            f"{' or '.join(each.outcomes) or each.verdict} on {port}"
            for port, each in by_port.items()
        )
        return SeenOutcome(
            Verdict.UNKNOWN,
            joined.outcomes,
            joined.transports,
            f"which port was called is not known: {by_answer}",
        )


def unknown(reason: str) -> SeenOutcome:
    """The outcome of a seen call that is not decidable, with the reason."""
    return SeenOutcome(Verdict.UNKNOWN, reason=reason)


def _listed(ports: Iterable[int]) -> str:
    return ", ".join(map(str, ports))
