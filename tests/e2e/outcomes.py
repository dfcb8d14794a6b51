"""What a client saw, in the words of the mesh model. Pure: values in, values out."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from meshgate.mesh import Outcome, Transport

SPIFFE = re.compile(r"(?:^|[;,])uri=(spiffe://[^;,]+)", re.IGNORECASE)
# How Envoy tells that its handshake was answered by something that is no TLS.
NOT_TLS = "WRONG_VERSION_NUMBER"
NO_ENDPOINT = "no healthy upstream"
# What Envoy answers where authorization lets a request in nowhere.
DENIED = "RBAC: access denied"

OK = 200
FORBIDDEN = 403
UNAVAILABLE = 503


class Observation(NamedTuple):
    """One call as it went, from the client's place.

    `status` None: it was no HTTP, or there was no answer. `wire` is what was seen on the network.
    """

    status: int | None = None
    curl: int = 0  # curl's exit code
    pod: str = ""  # who answered
    identity: str = ""  # the client's SPIFFE id, as the server was told
    text: str = ""  # what an error said
    wire_tls: bool = False
    app_got_tls: bool = False
    not_http: bool = False  # a server answered that it got no HTTP
    sent: bool = True  # anything left the client's pod
    sent_tls: bool = False  # the client's side of the wire carried TLS
    denied: bool = False  # authorization let it in nowhere


def of_http(status: int, curl: int, body: str, message: str) -> Observation:
    """What curl reports of a request to the lab's application."""
    if status == OK:
        answer = json.loads(body)
        found = SPIFFE.search(answer["identity"])
        return Observation(status, curl, answer["pod"], found[1] if found else "")
    text = body.strip() or message
    return Observation(
        status or None, curl, text=text, denied=status == FORBIDDEN and DENIED in text
    )


def judged(seen: Observation) -> Outcome:
    """What became of the call."""
    if seen.pod:
        return Outcome.OK_MTLS if seen.identity or seen.wire_tls else Outcome.OK_PLAINTEXT
    return Outcome.DENIED if seen.denied else _failed(seen)


def _failed(seen: Observation) -> Outcome:
    """What became of a call that nobody answered, where authorization has not denied it."""
    if seen.app_got_tls:
        return Outcome.TLS_TO_APP
    if seen.not_http or NOT_TLS in seen.text:
        return Outcome.PROTOCOL_ERROR
    if NO_ENDPOINT in seen.text:
        return Outcome.NO_ENDPOINT
    if not seen.sent or (seen.status == UNAVAILABLE and not seen.text):
        return Outcome.NO_CLUSTER
    return Outcome.REFUSED


class Expected(NamedTuple):
    """How the model says that a call ends, and what its client sends."""

    outcome: Outcome
    transport: Transport | None

    def admits(self, seen: Observation) -> bool:
        """Whether a call may be seen to end like this.

        Where a call leaves the mesh, the model says what is sent and leaves the end open. With
        certificates of a user's own the server decides: the model does not know them.
        """
        outcome = judged(seen)
        if self.outcome is Outcome.EXTERNAL:
            return seen.sent_tls is (self.transport is not Transport.PLAINTEXT)
        if self.outcome is Outcome.MTLS_USER_TERMINATED:
            return outcome in {Outcome.OK_MTLS, Outcome.REFUSED}
        return self.outcome is outcome

    def __str__(self) -> str:
        if self.outcome is Outcome.EXTERNAL:
            return f"{self.outcome} ({self.transport})"
        return str(self.outcome)


def told(seen: Observation) -> str:
    """The observation in a few words, as a table shows it."""
    if seen.pod:
        return _answered(seen)
    if seen.denied:
        return f"{seen.status or 'closed'}, denied by RBAC"
    if seen.not_http:
        return f"{seen.status or 'closed'}, 400 on the wire"
    if seen.status is not None and seen.sent:
        return f"{seen.status}{', TLS reached the application' if seen.app_got_tls else ''}"
    if not seen.sent:
        return "nothing left the pod"
    ended = f"curl {seen.curl}" if seen.curl else "closed"
    return f"{ended}{', TLS reached the application' if seen.app_got_tls else ''}"


def _answered(seen: Observation) -> str:
    start = f"{seen.status}" if seen.status is not None else "answered"
    if seen.identity:
        return f"{start}, {seen.identity}"
    return f"{start}, TLS on the wire" if seen.wire_tls else f"{start}, plaintext"
