"""One call as a client makes it: by curl where it is HTTP, by a line of text where it is not."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterable

from e2e import tokens
from e2e.apps import GREETING, App
from e2e.combinations.requests import HttpRequest
from e2e.network import Pod, inside
from e2e.outcomes import Observation, of_http
from meshgate.process import run

# Seconds.
PATIENCE = 4.0
PROGRAM_TIMEOUT = 20.0

HTTP_PORT = 80
PATH = "/shareditems"
REPORT = re.compile(r"\n@@ (\d+) (\d+) ([^\n]*)\n$")


def over_http(
    client: Pod, host: str, port: int, apps: Iterable[App], address: str = ""
) -> Observation:
    """A GET on a connection of its own, by curl inside the client's pod.

    `address`: what the client takes the host for; empty: what the lab's names say.
    """
    before = _handshakes(apps)
    argv = [
        *("curl", "--silent", "--max-time", str(PATIENCE), "--header", "Connection: close"),
        *(("--resolve", f"{host}:{port}:{address}") if address else ()),
        *("--write-out", r"\n@@ %{http_code} %{exitcode} %{errormsg}\n"),
        f"http://{host}:{port}{PATH}",
    ]
    answer = inside(client, lambda: run(argv, timeout=PROGRAM_TIMEOUT))
    text = answer.stdout.decode("utf-8", "replace")
    found = REPORT.search(text)
    if found is None:
        raise ValueError(f"curl reported nothing: {text!r} {answer.stderr}")
    seen = of_http(int(found[1]), int(found[2]), text[: found.start()], found[3])
    return seen._replace(app_got_tls=_handshakes(apps) > before)


def ask(client: Pod, host: str, port: int, request: HttpRequest, address: str = "") -> Observation:
    """One request on a connection of its own, byte for byte as it is written here.

    `address`: where the client connects to; empty: where the host's name leads.
    """
    named = request.host or (host if port == HTTP_PORT else f"{host}:{port}")
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {named}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.token is not None:
        lines.append(f"Authorization: Bearer {tokens.token(request.token)}")
    if request.method != "GET":
        lines.append("Content-Length: 0")
    text = "\r\n".join([*lines, "", ""]).encode("latin-1")

    def call() -> tuple[int, str]:
        try:
            where = (address or host, port)
            with socket.create_connection(where, timeout=PATIENCE) as connection:
                connection.sendall(text)
                with http.client.HTTPResponse(connection, method=request.method) as answer:
                    answer.begin()
                    return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    status, body = inside(client, call)
    return of_http(status, 0, body if status else "", body)


def over_tcp(client: Pod, host: str, port: int, apps: Iterable[App]) -> Observation:
    """A line of text and its answer; `host` is a name or an address."""
    before = _handshakes(apps)

    def call() -> bytes:
        try:
            with socket.create_connection((host, port), timeout=PATIENCE) as connection:
                connection.sendall(GREETING)
                return connection.recv(256)
        except OSError:
            return b""

    answer = inside(client, call).decode("latin-1").strip()
    return Observation(pod=answer, app_got_tls=_handshakes(apps) > before)


def _handshakes(apps: Iterable[App]) -> int:
    return sum(app.handshakes for app in apps)
