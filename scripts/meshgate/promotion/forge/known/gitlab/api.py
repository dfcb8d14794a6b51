"""Requests to GitLab by python-gitlab, which knows its authentication and rate limits."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import gitlab
import requests

from meshgate.model import JSON, JSONObject
from meshgate.promotion.forge.answers import refused

PUBLIC = "https://gitlab.com"
TIMEOUT = 30.0
PAGE = 100


class Api:
    """The API below /api/v4, with a token that no error repeats."""

    def __init__(self, url: str, token: str) -> None:
        self._token = token
        # As a bearer: unlike PRIVATE-TOKEN, that header is dropped when a redirect leads elsewhere.
        self._client = gitlab.Gitlab(url, oauth_token=token, timeout=TIMEOUT, keep_base_url=True)
        # A forge has no end that its users must tell it.
        weakref.finalize(self, self._client.session.close)

    def ask(self, method: str, path: str, body: JSON = None, **query: str | int) -> JSON:
        """The answer's JSON, None for an empty one. Raises RefusedError for anything but 2xx."""
        answer = self._send(method, path, body, query)
        return answer.json() if answer.content else None

    def pages(self, path: str, **query: str | int) -> Iterator[JSONObject]:
        """Every entry of a list, page by page."""
        page = "1"
        while page:
            answer = self._send("GET", path, None, {"page": page, "per_page": PAGE, **query})
            yield from answer.json()
            page = answer.headers.get("X-Next-Page", "")

    def _send(
        self, method: str, path: str, body: JSON, query: dict[str, str | int]
    ) -> requests.Response:
        what = f"{method} {path}"
        try:
            return self._client.http_request(
                method.lower(), f"/{path}", query_data=query, post_data=body
            )
        except gitlab.GitlabError as error:
            status = error.response_code or 0
            raise refused("GitLab", what, status, str(error.error_message), self._token) from error
        except requests.RequestException as error:
            raise refused("GitLab", what, 0, str(error), self._token) from error
