"""An API server that answers lists from a recording: paged, and with what a test wants refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from meshgate.cluster.kinds import ALL
from meshgate.model import JSON, JSONObject

CONTEXT = "recorded"
PAGE = 2
HERE = "127.0.0.1"
NOT_FOUND = {"kind": "Status", "message": "not found"}


class RecordedApi:
    """What is in the cluster, what is refused, and what was asked."""

    def __init__(self, objects: Iterable[JSONObject]) -> None:
        self.objects = list(objects)
        self.config_maps: dict[str, JSONObject] = {"istio-system/istio": {"mesh": "{}"}}
        # Kinds that are not served, that may not be listed, and whose next page has expired once.
        self.unserved: set[str] = set()
        # Versions of API groups that are not served, as `GROUP/VERSION`.
        self.gone: set[str] = set()
        self.forbidden: set[str] = set()
        self.expiring: set[str] = set()
        self.asked: list[str] = []
        # What is answered before anything else, by path, in this order: status, value, headers.
        self.answers: dict[str, list[tuple[int, JSON, dict[str, str]]]] = {}
        self.tokens: set[str] = set()
        self.kubeconfig: Path

    @property
    def options(self) -> list[str]:
        """How a command is pointed here."""
        return ["--context", CONTEXT, "--kubeconfig", str(self.kubeconfig)]

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, JSON]:
        """The status and the value of one answer."""
        self.asked.append(path)
        parts = path.split("/")
        if "configmaps" in parts:
            data = self.config_maps.get(f"{parts[4]}/{parts[6]}")
            return (200, {"data": data}) if data is not None else (404, NOT_FOUND)
        listed = (version for each in ALL for version in each.versions)
        kind = next((version for version in listed if version.path == path), None)
        if kind is None or kind.kind in self.unserved or kind.api_version in self.gone:
            return 404, "404 page not found"
        if kind.kind in self.forbidden:
            told = f"{kind.resource} is forbidden: User cannot list at the cluster scope"
            return 403, {"kind": "Status", "message": told}
        # As a real one does: items carry no type.
        items = [
            {key: value for key, value in each.items() if key not in {"apiVersion", "kind"}}
            for each in self.objects
            if each["kind"] == kind.kind
        ]
        start = int(query.get("continue", ["0"])[0])
        if start and kind.kind in self.expiring:
            self.expiring.remove(kind.kind)
            return 410, {"kind": "Status", "message": "the provided continue parameter is too old"}
        end = start + min(PAGE, int(query["limit"][0]))
        rest = str(end) if end < len(items) else ""
        return 200, {"metadata": {"continue": rest}, "items": items[start:end]}


@contextmanager
def recorded_api(folder: Path, objects: Iterable[JSONObject]) -> Iterator[RecordedApi]:
    """Answer on loopback until the block ends; the kubeconfig lies in `folder`."""
    api = RecordedApi(objects)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            api.tokens.add(self.headers.get("Authorization", ""))
            headers: dict[str, str] = {}
            if odd := api.answers.get(parts.path):
                status, value, headers = odd[0]
                # A server that is busy says so as often as it is listed, an odd one for ever.
                if "Retry-After" in headers:
                    del odd[0]
            else:
                status, value = api.answer(parts.path, parse_qs(parts.query))
            body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HERE, 0), Handler)
    api.kubeconfig = folder / "kubeconfig"
    api.kubeconfig.write_text(json.dumps(_kubeconfig(f"http://{HERE}:{server.server_port}")))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(url: str) -> JSONObject:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": url}}],
        "users": [{"name": CONTEXT, "user": {"token": "reader"}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    }
