"""What becomes of one call at one endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meshgate.mesh.admission import Admission
from meshgate.mesh.authorization import Allows
from meshgate.mesh.blocking import Blocking
from meshgate.mesh.order import ORDER
from meshgate.mesh.services import Endpoint
from meshgate.mesh.terms import Mode, Outcome, Transport, Verdict, verdict
from meshgate.mesh.waypoints import Passage

_MAY_WORK = frozenset({Verdict.WORKS, Verdict.DEPENDS})
# Where ztunnel and the proxies of an ambient mesh take HBONE, whatever port is called.
HBONE_PORT = 15008


class Delivery(NamedTuple):
    """What one endpoint is sent and what becomes of it. `endpoint` None: there is none.

    `mode` None: nothing before the application enforces one.
    """

    endpoint: Endpoint | None
    transport: Transport | None
    mode: Mode | None
    outcome: Outcome
    # Why the outcome is unknown.
    reason: str = ""
    # Every answer that some order of creation gives; empty where all agree.
    alternatives: tuple[Delivery, ...] = ()
    # The TLS server name that is sent, which gateways look at.
    name: str = ""
    # Whether it goes through an HBONE tunnel.
    tunnel: bool = False
    # How it ends as far as TLS goes, where an object that is not read may still refuse it.
    on_wire: Outcome | None = None
    # What AuthorizationPolicies let in; None: none applies, or it fails before they are asked.
    admission: Admission | None = None
    # The waypoint that it passes on the way; None: none.
    passage: Passage | None = None
    # What NetworkPolicies stop; None: nothing.
    blocking: Blocking | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it works; where only some requests are let in, that depends on the request."""
        by_transport = verdict(self.outcome, self.transport)
        if by_transport is Verdict.WORKS and self.admission is not None:
            return by_transport if self.admission.allows is Allows.ALL else Verdict.DEPENDS
        return by_transport

    def wire_port(self, called: int) -> int:
        """The port that packets of it go to; `called` is that of the service."""
        if self.tunnel or self.passage is not None:
            return HBONE_PORT
        return self.endpoint.port if self.endpoint is not None else called

    @property
    def is_only_admitted(self) -> bool:
        """Whether nothing but policies of authorization leaves open how it ends."""
        return self.admission is not None and self.reason in {"", self.admission.reason}

    @property
    def by_transport(self) -> Outcome:
        """How it ends as far as TLS goes, whoever may refuse it still."""
        return self.outcome if self.on_wire is None else self.on_wire

    def unknown(self, reason: str) -> Delivery:
        """The same where its outcome cannot be decided."""
        return self._replace(
            transport=None, outcome=Outcome.UNKNOWN, reason=reason, alternatives=(), on_wire=None
        )

    def restricted(self, reason: str) -> Delivery:
        """The same where something that is not read may refuse it: what fails anyway still fails.

        `reason` empty: nothing may.
        """
        if not reason:
            return self
        if self.alternatives:
            answers = tuple(each.restricted(reason) for each in self.alternatives)
            return self._replace(alternatives=answers)
        if verdict(self.outcome, self.transport) not in _MAY_WORK:
            return self
        return self._replace(outcome=Outcome.UNKNOWN, reason=reason, on_wire=self.outcome)


NO_CLUSTER = Delivery(None, None, None, Outcome.NO_CLUSTER)
# What a redirect or a direct response of a route answers.
BY_PROXY = Delivery(None, None, None, Outcome.ANSWERED)
# A call to a port that a Service does not have.
NO_PORT = Delivery(None, None, None, Outcome.NO_ENDPOINT)
# A call to a host that a proxy does not know, sent on as it is.
PASSED_THROUGH = Delivery(None, Transport.PLAINTEXT, None, Outcome.EXTERNAL)


def combined(answers: Iterable[Delivery]) -> Delivery:
    """One delivery for the answers of all possible orders of creation."""
    first, *others = answers
    distinct = {(first.transport, first.outcome): first}
    for other in others:
        distinct.setdefault((other.transport, other.outcome), other)
    if all(answer.outcome is first.outcome for answer in distinct.values()):
        return first
    return first._replace(
        outcome=Outcome.UNKNOWN, reason=ORDER, alternatives=tuple(distinct.values())
    )
