"""Requests to a Gitea or Forgejo, and its lists page by page."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping

import httpx

from meshgate.model import JSON, JSONObject
from meshgate.promotion.forge.answers import refused

TIMEOUT = 30.0
PAGE = 50  # what a server gives at most, if it was not told otherwise


class Api:
    """The API below /api/v1, with a token that no error repeats."""

    def __init__(self, url: str, token: str) -> None:
        self._token = token
        # A redirect could carry the token elsewhere; httpx follows none by itself.
        self._client = httpx.Client(
            base_url=f"{url}/api/v1/",
            headers={"Authorization": f"token {token}", "Accept": "application/json"},
            timeout=TIMEOUT,
        )
        # A forge has no end that its users must tell it.
        weakref.finalize(self, self._client.close)

    def ask(self, method: str, path: str, body: JSON = None, **query: str | int) -> JSON:
        """The answer's JSON, None for an empty one. Raises RefusedError for anything but 2xx."""
        return self._read(self._send(method, path, body, query), f"{method} {path}")

    def pages(self, path: str, **query: str | int) -> Iterator[JSONObject]:
        """Every entry of a list, page by page."""
        page, seen = 1, 0
        while True:
            answer = self._send("GET", path, None, {"page": page, "limit": PAGE, **query})
            entries = self._read(answer, f"GET {path}") or ()
            yield from entries
            page, seen = page + 1, seen + len(entries)
            # A server may give fewer than asked, and some lists do not say how many there are.
            if not entries or seen >= int(answer.headers.get("X-Total-Count", seen + 1)):
                return

    def _send(
        self, method: str, path: str, body: JSON, query: Mapping[str, str | int]
    ) -> httpx.Response:
        what = f"{method} {path}"
        try:
            answer = self._client.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            raise refused("Gitea", what, 0, str(error), self._token) from error
        if not answer.is_success:
            raise refused("Gitea", what, answer.status_code, answer.text, self._token)
        return answer

    def _read(self, answer: httpx.Response, what: str) -> JSON:
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            words = "it is not JSON"
            raise refused("Gitea", what, answer.status_code, words, self._token) from error
