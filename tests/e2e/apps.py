"""What runs in a pod: an application that answers HTTP and lines of text, and remembers TLS.

It speaks no TLS itself, as the lab's applications do not, and only counts who tries.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable

from e2e.network import Pod, inside

PORTS = (7000, 8080, 9000, 9102, 27017)
TLS_HANDSHAKE = 0x16
GREETING = b"hello\n"
IDENTITY = "x-forwarded-client-cert"
LIMIT = 65536
# Seconds.
PATIENCE = 5.0


class App:
    """The application of one pod, on all ports that its Services mean."""

    def __init__(self, pod: Pod, ports: Iterable[int] = PORTS) -> None:
        self.pod = pod
        # How many connections began with a TLS handshake.
        self.handshakes = 0
        self._listeners: list[socket.socket] = inside(pod, lambda: [_listener(p) for p in ports])
        for listener in self._listeners:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        for listener in self._listeners:
            listener.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            try:
                while data := connection.recv(LIMIT):
                    if data[0] == TLS_HANDSHAKE:
                        self.handshakes += 1
                        return
                    if data.startswith(GREETING):
                        connection.sendall(self.pod.name.encode() + b"\n")
                        continue
                    while b"\r\n\r\n" not in data and (more := connection.recv(LIMIT)):
                        data += more
                    connection.sendall(self._response(data))
            except OSError:
                return

    def _response(self, request: bytes) -> bytes:
        headers = dict(
            line.split(": ", 1)
            for line in request.decode("latin-1").lower().split("\r\n")
            if ": " in line
        )
        body = json.dumps(
            {"pod": self.pod.name, "identity": headers.get(IDENTITY, ""), "items": ["an item"]}
        ).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + body


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(128)
    return listener
