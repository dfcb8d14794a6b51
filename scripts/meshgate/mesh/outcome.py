"""What becomes of a call: what the client sends against what the server accepts."""

from __future__ import annotations

from meshgate.mesh import protocols
from meshgate.mesh.terms import Mode, Outcome, Transport

# Indexed by mode, then by whether the port is declared HTTP. The columns are the transports.
_PLAIN = Outcome.OK_PLAINTEXT
_MTLS = Outcome.OK_MTLS
_SHUT = Outcome.REFUSED
_ERROR = Outcome.PROTOCOL_ERROR
_APP = Outcome.TLS_TO_APP
_COLUMNS = (Transport.PLAINTEXT, Transport.MTLS, Transport.TLS, Transport.MTLS_USER)
_ROWS = {
    (Mode.STRICT, True): (_SHUT, _MTLS, _SHUT, Outcome.MTLS_USER_TERMINATED),
    (Mode.STRICT, False): (_SHUT, _MTLS, _SHUT, Outcome.MTLS_USER_TERMINATED),
    (Mode.PERMISSIVE, True): (_PLAIN, _MTLS, _SHUT, _SHUT),
    (Mode.PERMISSIVE, False): (_PLAIN, _MTLS, _APP, _APP),
    (Mode.DISABLE, True): (_PLAIN, _ERROR, _ERROR, _ERROR),
    (Mode.DISABLE, False): (_PLAIN, _APP, _APP, _APP),
}
_SIDECAR = {
    (mode, http, transport): outcome
    for (mode, http), row in _ROWS.items()
    for transport, outcome in zip(_COLUMNS, row, strict=True)
}


def at_sidecar(mode: Mode, transport: Transport, protocol: str) -> Outcome:
    """The outcome at a server with a sidecar; `protocol` is that of its inbound filter chain."""
    return _SIDECAR[mode, protocol == protocols.HTTP, transport]


def at_application(transport: Transport) -> Outcome:
    """The outcome where nothing stands before the application: it gets the bytes as they are."""
    return Outcome.OK_PLAINTEXT if transport is Transport.PLAINTEXT else Outcome.TLS_TO_APP
