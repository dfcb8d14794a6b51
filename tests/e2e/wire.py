"""What goes over the lab's bridge: of each connection, whether it begins with a TLS handshake."""

from __future__ import annotations

import socket
import threading
from typing import NamedTuple

from e2e.apps import TLS_HANDSHAKE

ALL_PROTOCOLS = 0x0003
ETHERNET = 14
TCP = 6
SYN = 0x02


class Opened(NamedTuple):
    """The first bytes of a connection, as they were sent."""

    source: str
    target: str
    port: int
    tls: bool


class Wire:
    """Listens from its making to its closing; made in the network of the bridge."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self._new: set[tuple[str, int, str, int]] = set()
        self._opened: list[Opened] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def forget(self) -> None:
        """Start over: only what comes now counts."""
        self._opened = []

    def opened(self, source: str, port: int) -> list[Opened]:
        """The connections from an address to a port, since the last `forget`."""
        return [each for each in self._opened if each.source == source and each.port == port]

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
        flow, is_new, payload = segment
        if is_new:
            self._new.add(flow)
        elif payload and flow in self._new:
            self._new.discard(flow)
            source, _, target, port = flow
            self._opened.append(Opened(source, target, port, payload[0] == TLS_HANDSHAKE))


def parse(frame: bytes) -> tuple[tuple[str, int, str, int], bool, bytes] | None:
    """An Ethernet frame's TCP segment: its flow, whether it opens one, and its first bytes."""
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
    return flow, bool(segment[13] & SYN), segment[(segment[12] >> 4) * 4 :]
