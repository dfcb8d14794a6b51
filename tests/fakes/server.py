"""A JSON API on loopback: routes by method and pattern, tokens, pages, and faults on demand."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from meshgate.model import JSON, JSONObject


class Asked(NamedTuple):
    """One request: who asks (by token), the path's parts, the query and the body."""

    login: str
    parts: tuple[str, ...]
    query: dict[str, str]
    body: JSONObject


class Answer(NamedTuple):
    """A status and its JSON, or the bytes of anything else; headers beside the usual ones."""

    status: int
    body: JSON = None
    headers: tuple[tuple[str, str], ...] = ()


Route = tuple[str, re.Pattern[str], "Callable[[Asked], Answer]"]


class FakeServer:
    """Answers by its routes; a token is `token-of-LOGIN`.

    lost  how many answers to writes get lost after the write was done
    """

    unauthorized = Answer(401, {"message": "401 Unauthorized"})
    missing = Answer(404, {"message": "404 Not Found"})
    # The query parameter for the size of a page, and how many a page holds at most.
    page_limit = 2

    def __init__(self) -> None:
        self.url = ""
        self.lost = 0
        self.requests: list[str] = []

    def routes(self) -> list[Route]:
        raise NotImplementedError

    def paged(self, entries: list[JSONObject], query: dict[str, str], path: str) -> Answer:
        raise NotImplementedError

    def answer(self, method: str, target: str, token: str, body: JSONObject) -> Answer:
        split = urlsplit(target)
        scheme, _, secret = token.partition(" ")
        if scheme.lower() not in ("bearer", "token") or not secret.startswith("token-of-"):
            return self.unauthorized
        query = dict(parse_qsl(split.query))
        for verb, pattern, act in self.routes():
            found = pattern.fullmatch(split.path)
            if verb == method and found:
                parts = tuple(unquote(part) for part in found.groups())
                asked = Asked(secret.removeprefix("token-of-"), parts, query, body)
                answer = act(asked)
                if isinstance(answer.body, list):
                    return self.paged(answer.body, query, split.path)
                return answer
        return self.missing

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Listen on a free port of loopback until the end of the block."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else every answer waits for the client's delayed acknowledgement.
            disable_nagle_algorithm = True

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                fake.requests.append(f"{self.command} {self.path}")
                token = self.headers.get("Authorization", "")
                answer = fake.answer(self.command, self.path, token, body)
                if fake.lost and self.command != "GET":
                    fake.lost -= 1
                    answer = Answer(405, {"message": "the answer was lost"})
                data = answer.body if isinstance(answer.body, bytes) else b""
                if answer.body is not None and not data:
                    data = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
