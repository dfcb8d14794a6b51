"""Requests to GitHub by PyGithub, which knows its authentication, retries and rate limits."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator

import github
import requests
from github.GithubRetry import GithubRetry

from meshgate.model import JSON, JSONObject
from meshgate.promotion.forge.answers import refused, text

PUBLIC = "https://api.github.com"
TIMEOUT = 30
PAGE = 100
# Of server errors and rate limits; longer than a minute is not waited for.
RETRIES = 3
LONGEST_WAIT = 60.0


class Api:
    """The REST API, with a token that no error repeats."""

    def __init__(self, url: str, token: str) -> None:
        self._token = token
        self._client = github.Github(
            auth=github.Auth.Token(token),
            base_url=url,
            timeout=TIMEOUT,
            per_page=PAGE,
            retry=GithubRetry(total=RETRIES, max_rate_limit_wait=LONGEST_WAIT),
            # A run makes a handful of requests; the limits' own answers say when to wait.
            seconds_between_requests=0,
            seconds_between_writes=0,
        )
        # A forge has no end that its users must tell it.
        weakref.finalize(self, self._client.requester.close)

    def ask(self, method: str, path: str, body: JSON = None, **query: str | int) -> JSON:
        """The answer's JSON, None for an empty one. Raises RefusedError for anything but 2xx."""
        return self._send(method, path, body, query)[1]

    def pages(self, path: str, **query: str | int) -> Iterator[JSONObject]:
        """Every entry of a list, which may stand in an object beside its `total_count`."""
        page = 1
        while True:
            headers, answer = self._send(
                "GET", path, None, {"page": page, "per_page": PAGE, **query}
            )
            if isinstance(answer, dict):
                answer = next(value for value in answer.values() if isinstance(value, list))
            yield from answer or ()
            if 'rel="next"' not in str(headers.get("link", "")):
                return
            page += 1

    def viewer(self) -> str:
        """The token's account as GraphQL tells it: also for the tokens of an App."""
        answer = self._guarded(
            "GraphQL viewer",
            lambda: self._client.requester.graphql_query("query { viewer { login } }", {}),
        )
        return text(answer[1], "data", "viewer", "login")

    def _send(
        self, method: str, path: str, body: JSON, query: dict[str, str | int]
    ) -> tuple[JSONObject, JSON]:
        return self._guarded(
            f"{method} {path}",
            lambda: self._client.requester.requestJsonAndCheck(
                method, f"/{path}", parameters=query or None, input=body
            ),
        )

    def _guarded(
        self, what: str, request: Callable[[], tuple[JSONObject, JSON]]
    ) -> tuple[JSONObject, JSON]:
        try:
            return request()
        except github.GithubException as error:
            raise refused("GitHub", what, error.status, _words(error.data), self._token) from error
        except requests.RequestException as error:
            raise refused("GitHub", what, 0, str(error), self._token) from error


def _words(data: JSON) -> str:
    """What GitHub says: a message, and what is wrong with which field."""
    if not isinstance(data, dict):
        return str(data or "")
    details = [
        str(entry.get("message") or f"{entry.get('field')} is {entry.get('code')}")
        for entry in data.get("errors") or ()
        if isinstance(entry, dict)
    ]
    return ": ".join([str(data.get("message", "")), *details])
