"""Ask istiod's debug interface what it has pushed."""

from __future__ import annotations

import os
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import quote

from meshgate.answers import excerpt, parsed
from meshgate.errors import ServiceError, UsageError
from meshgate.model import JSON, JSONObject

# Needed where the request does not come from istiod's own host, as it does by a port-forward.
TOKEN_VARIABLE = "MESHGATE_ISTIOD_TOKEN"  # noqa: S105 - a name
TIMEOUT = 60.0
SCHEMES = ("http://", "https://")
FORWARD = "kubectl -n istio-system port-forward deployment/istiod 15014"


class Istiod:
    """One replica of istiod, by the address of its debug interface: `http://localhost:15014`."""

    def __init__(self, url: str) -> None:
        """Raises UsageError for what is no address."""
        if not url.startswith(SCHEMES):
            raise UsageError(
                f"--istiod {url}: is no http or https address",
                hint=f"`{FORWARD}`, and then --istiod http://localhost:15014",
            )
        self._url = url.rstrip("/")
        self._token = os.environ.get(TOKEN_VARIABLE, "")

    def __str__(self) -> str:
        return self._url

    def proxies(self) -> list[JSONObject]:
        """The proxies that are connected here, with what was sent to them and what they took."""
        listed = self._get("debug/syncz")
        # With no proxy at all, Go writes null.
        if listed is None:
            return []
        if not isinstance(listed, list) or not all(map(_is_proxy, listed)):
            raise self.unexpected("debug/syncz", listed)
        return listed

    def dump(self, proxy: str) -> JSONObject | None:
        """What istiod has for a proxy, in the shape of Envoy's own config dump.

        None: the proxy is not connected, or no longer.
        """
        path = f"debug/config_dump?proxyID={quote(proxy)}"
        try:
            answer = self._get(path)
        except _NotThereError:
            return None
        configs = answer.get("configs") if isinstance(answer, dict) else None
        if not isinstance(configs, list) or not all(isinstance(each, dict) for each in configs):
            raise self.unexpected(path, answer)
        return {"configs": configs}

    def version(self) -> str:
        """The release that it is of; empty: it does not say."""
        with suppress(ServiceError):
            return self._ask("version")
        return ""

    def unexpected(self, path: str, answer: object) -> ServiceError:
        """The error of an answer that no istiod gives."""
        return ServiceError(
            f"istiod at {self._url} answers {path} with something that is not expected",
            why=excerpt(answer),
            hint="is the address istiod's debug interface (port 15014), of a release that "
            "meshgate knows?",
        )

    def _get(self, path: str) -> JSON:
        text = self._ask(path)
        try:
            return parsed(text)
        except ValueError as error:
            raise self.unexpected(path, text) from error

    def _ask(self, path: str) -> str:
        import urllib3  # noqa: PLC0415 - comes with the Kubernetes client

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self._url}/{path}"
        try:
            answer = urllib3.request(
                "GET", url, headers=headers, timeout=TIMEOUT, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(
                f"istiod does not answer at {self._url}",
                why=excerpt(error),
                hint=f"try `{FORWARD}`",
            ) from error
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise ServiceError(
                f"istiod does not let this account look at {path}",
                hint=f"ask it through `{FORWARD}`, or set {TOKEN_VARIABLE} to a token with the "
                "audience istio-ca of an account in its namespace",
            )
        text = answer.data.decode("utf-8", "replace")
        if answer.status != HTTPStatus.OK:
            kind = _NotThereError if answer.status == HTTPStatus.NOT_FOUND else ServiceError
            raise kind(
                f"istiod at {self._url} answers {path} with HTTP {answer.status}", why=excerpt(text)
            )
        return text


class _NotThereError(ServiceError):
    """This replica does not have what was asked for."""


def _is_proxy(value: JSON) -> bool:
    """Whether an entry of `syncz` names its proxy, and what it was sent by texts."""
    if not isinstance(value, dict) or not isinstance(value.get("proxy"), str):
        return False
    resources = value.get("resources") or {}
    return isinstance(resources, dict) and all(
        isinstance(each, dict) for each in resources.values()
    )
