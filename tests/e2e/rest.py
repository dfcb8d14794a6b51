"""Objects in an API server, by requests on one connection: no process for each of many."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from meshgate.errors import ToolError
from meshgate.model import JSON, JSONObject

MANAGER = "lab"
APPLY = "application/apply-patch+yaml"
JSON_TYPE = "application/json"
# Seconds.
TIMEOUT = 30.0
NOT_FOUND, FAILED = 404, 400


class Served(NamedTuple):
    """A kind as its API group serves it."""

    plural: str
    is_namespaced: bool


class Rest:
    """What is asked of the API server of a kubeconfig, whose only user has a token."""

    def __init__(self, kubeconfig: Path) -> None:
        read = json.loads(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = read["clusters"][0]["cluster"], read["users"][0]["user"]
        self._address = urlsplit(cluster["server"]).netloc
        self._context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._token = user["token"]
        self._connection: http.client.HTTPSConnection | None = None
        self._served: dict[str, dict[str, Served]] = {}

    def apply(self, *objects: JSONObject) -> None:
        """Apply objects on the server's side, whoever owned their fields. Raises ToolError."""
        query = f"?fieldManager={MANAGER}&force=true&fieldValidation=Strict"
        for each in objects:
            self._ask("PATCH", f"{self._path(each)}{query}", each, APPLY)

    def delete(self, *objects: JSONObject) -> None:
        """Delete objects, those that are not there too. Raises ToolError."""
        for each in objects:
            self._ask("DELETE", self._path(each), missing=True)

    def objects(self, kinds: Mapping[str, Iterable[str]]) -> list[JSONObject]:
        """All objects of some plurals by API version, of every namespace."""
        found: list[JSONObject] = []
        for version, plurals in kinds.items():
            for plural in plurals:
                listed = self._ask("GET", f"{_root(version)}/{plural}")
                # Where the list says it for all of them, its items do not.
                kind = {"apiVersion": version, "kind": listed["kind"].removesuffix("List")}
                found += [{**kind, **item} for item in listed["items"]]
        return found

    def _path(self, thing: JSONObject) -> str:
        version, metadata = thing["apiVersion"], thing["metadata"]
        if version not in self._served:
            self._served[version] = {
                each["kind"]: Served(each["name"], each["namespaced"])
                for each in self._ask("GET", _root(version))["resources"]
                if "/" not in each["name"]
            }
        served = self._served[version][thing["kind"]]
        place = f"namespaces/{metadata['namespace']}/" if served.is_namespaced else ""
        return f"{_root(version)}/{place}{served.plural}/{metadata['name']}"

    def _ask(
        self,
        method: str,
        path: str,
        body: JSON = None,
        content: str = JSON_TYPE,
        *,
        missing: bool = False,
    ) -> JSONObject:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content}
        text = json.dumps(body) if body is not None else None
        try:
            status, read = self._answer(method, path, text, headers)
        except (OSError, http.client.HTTPException):
            # The server closes a connection that nobody used for a while.
            self._connection = None
            status, read = self._answer(method, path, text, headers)
        if status >= FAILED and not (missing and status == NOT_FOUND):
            raise ToolError(f"{method} {path}: {status}", why=read.decode()[:2000])
        return dict(json.loads(read))

    def _answer(
        self, method: str, path: str, text: str | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._address, timeout=TIMEOUT, context=self._context
            )
        self._connection.request(method, path, text, dict(headers))
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
