"""What goes over the lab's bridge: of each connection, whether it carries TLS."""

from __future__ import annotations

import socket
import threading
from typing import NamedTuple

from e2e.network import GATEWAY
from e2e.processes import every

ALL_PROTOCOLS = 0x0003
ETHERNET = 14
TCP = 6
# Handshake and application data (RFC 8446, 5.1).
TLS_RECORDS = (0x16, 0x17)
TLS_MAJOR = b"\x03"
# Seconds.
PAUSE = 0.02
# How many bytes of each side are kept.
START = 16
BAD_REQUEST = b"HTTP/1.1 400"


class Opened(NamedTuple):
    """The first bytes that one side of a connection sent, since somebody began to look."""

    source: str
    target: str
    port: int
    start: bytes

    @property
    def tls(self) -> bool:
        """Whether they are a TLS record: of a handshake, or of a connection that was kept."""
        return self.start[0] in TLS_RECORDS and self.start[1:2] == TLS_MAJOR


class Wire:
    """Listens from its making to its closing; made in the network of the bridge."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self._known: set[tuple[str, int, str, int]] = set()
        self._opened: list[Opened] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def forget(self) -> None:
        """Start over: only what comes now counts."""
        self._known = set()
        self._opened = []

    def sent(self, source: str, patience: float) -> list[Opened]:
        """What an address sent to other pods since the last `forget`.

        Where there is nothing, it is waited for so many seconds.
        """
        found: list[Opened] = []
        for _ in every(PAUSE, max(patience, PAUSE)):
            found = [
                each for each in self._opened if each.source == source and each.target != GATEWAY
            ]
            if found or not patience:
                break
        return found

    @property
    def bad_request(self) -> bool:
        """Whether a server answered, since then, that what it got is no HTTP.

        It answers in plaintext; a proxy that sent TLS tells its client only that it failed.
        """
        return any(each.start.startswith(BAD_REQUEST) for each in self._opened)

    def _listen(self) -> None:
        while True:
            try:
                frame = self._socket.recv(256)
            except OSError:
                return
            self._look_at(frame)

    def _look_at(self, frame: bytes) -> None:
        segment = parse(frame)
        if segment is None:
            return
        flow, payload = segment
        if payload and flow not in self._known:
            self._known.add(flow)
            source, _, target, port = flow
            self._opened.append(Opened(source, target, port, payload[:START]))


def parse(frame: bytes) -> tuple[tuple[str, int, str, int], bytes] | None:
    """An Ethernet frame's TCP segment: its flow and its first bytes."""
    if frame[12:14] != b"\x08\x00" or len(frame) < ETHERNET + 20 or frame[ETHERNET + 9] != TCP:
        return None
    length = (frame[ETHERNET] & 0x0F) * 4
    total = int.from_bytes(frame[ETHERNET + 2 : ETHERNET + 4], "big")
    packet, segment = frame[ETHERNET:], frame[ETHERNET + length : ETHERNET + total]
    flow = (
        socket.inet_ntoa(packet[12:16]),
        int.from_bytes(segment[0:2], "big"),
        socket.inet_ntoa(packet[16:20]),
        int.from_bytes(segment[2:4], "big"),
    )
    return flow, segment[(segment[12] >> 4) * 4 :]
