"""Ask istiod's debug interface what it has pushed."""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from urllib.parse import quote

from meshgate.errors import ServiceError, UsageError
from meshgate.model import JSON, JSONObject

# Needed where the request does not come from istiod's own host, as it does by a port-forward.
TOKEN_VARIABLE = "MESHGATE_ISTIOD_TOKEN"  # noqa: S105 - a name
TIMEOUT = 60.0
SCHEMES = ("http://", "https://")
FORWARD = "kubectl -n istio-system port-forward deployment/istiod 15014"


class Istiod:
    """One istiod, by the address of its debug interface: `http://localhost:15014`."""

    def __init__(self, url: str) -> None:
        """Raises UsageError for what is no address."""
        if not url.startswith(SCHEMES):
            raise UsageError(
                f"--istiod {url}: is no http or https address",
                hint=f"`{FORWARD}`, and then --istiod http://localhost:15014",
            )
        self._url = url.rstrip("/")
        self._token = os.environ.get(TOKEN_VARIABLE, "")

    def proxies(self) -> list[JSONObject]:
        """The proxies that are connected, with what was sent to them and what they took."""
        listed: list[JSONObject] = self._get("debug/syncz")
        return listed

    def dump(self, proxy: str) -> JSONObject:
        """What istiod has for a proxy, in the shape of Envoy's own config dump."""
        answer: JSONObject = self._get(f"debug/config_dump?proxyID={quote(proxy)}")
        return answer

    def _get(self, path: str) -> JSON:
        import urllib3  # noqa: PLC0415 - comes with the Kubernetes client

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self._url}/{path}"
        try:
            answer = urllib3.request(
                "GET", url, headers=headers, timeout=TIMEOUT, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(
                f"istiod does not answer at {self._url}", why=str(error), hint=f"try `{FORWARD}`"
            ) from error
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise ServiceError(
                f"istiod does not let this account look at {path}",
                hint=f"ask it through `{FORWARD}`, or set {TOKEN_VARIABLE} to a token with the "
                "audience istio-ca of an account in its namespace",
            )
        if answer.status != HTTPStatus.OK:
            raise ServiceError(f"{url} answers with HTTP {answer.status}")
        try:
            return json.loads(answer.data)
        except ValueError as error:
            raise ServiceError(f"{url} answers with something else than JSON") from error
