"""The one HTTP client of all forges: requests with a token, and lists page by page."""

from __future__ import annotations

import datetime
import math
import time
import weakref
from collections.abc import Callable, Iterator, Mapping

import httpx
from msgspec import Struct

from meshgate.answers import RetryBudget, clock_ahead, parsed, retry_after
from meshgate.model import JSON, JSONObject
from meshgate.promotion.forges.forge import ForgeRefusedError
from meshgate.promotion.forges.responses import refused

TIMEOUT = 30.0
# Seconds between the attempts at a request that the forge is too busy for, unless it says.
PAUSES = (0.5, 1.0, 2.0)
BUSY = frozenset({429, 502, 503, 504})
FORBIDDEN = 403


class ApiDialect(Struct, frozen=True):
    """How one forge says what all forges say.

    forge      what errors call it
    page_size  the query parameter for the entries of a page, and how many are asked for
    goes_on    whether a list goes on after a page, of the answer and the entries until then
    scheme     the word before the token
    """

    forge: str
    page_size: tuple[str, int]
    goes_on: Callable[[httpx.Response, int], bool]
    scheme: str = "Bearer"


class HttpApi:
    """A REST API below an address, with a token that no error repeats.

    clock_ahead  how far the server's clock is ahead of this machine's, by its last answer's `Date`;
                 None: it told none
    """

    def __init__(self, url: str, token: str, dialect: ApiDialect) -> None:
        self.clock_ahead: datetime.timedelta | None = None
        self._token = token
        self._dialect = dialect
        # A redirect could carry the token elsewhere; httpx follows none by itself.
        self._client = httpx.Client(
            base_url=f"{url}/",
            headers={"Authorization": f"{dialect.scheme} {token}", "Accept": "application/json"},
            timeout=TIMEOUT,
        )
        # A forge has no end that its users must tell it.
        weakref.finalize(self, self._client.close)

    def ask(self, method: str, path: str, body: JSON = None, **query: str | int) -> JSON:
        """The answer's JSON, None for an empty one; `path` may be a whole address.

        Raises ForgeRefusedError for anything but 2xx.
        """
        return self._read(self._send(method, path, body, query), f"{method} {path}")

    def pages(self, path: str, **query: str | int) -> Iterator[JSONObject]:
        """Every entry of a list, which may stand in an object beside its `total_count`."""
        name, size = self._dialect.page_size
        page, seen, former = 1, 0, b""
        while True:
            answer = self._send("GET", path, None, {"page": page, name: size, **query})
            entries = self._read(answer, f"GET {path}")
            # Of nothing at all it cannot be said that nothing is listed; Go writes `null` for that.
            if entries is None and answer.content:
                entries = ()
            if isinstance(entries, dict) and "total_count" in entries:
                entries = next(
                    (value for value in entries.values() if isinstance(value, list)), None
                )
            if not isinstance(entries, (list, tuple)) or not all(
                isinstance(entry, dict) for entry in entries
            ):
                raise self._refused(f"GET {path}", answer, "it is no list of objects")
            if entries and answer.content == former:
                raise self._refused(f"GET {path}", answer, "its pages do not end")
            former = answer.content
            yield from entries
            page, seen = page + 1, seen + len(entries)
            if not entries or not self._dialect.goes_on(answer, seen):
                return

    def _send(
        self, method: str, path: str, body: JSON, query: Mapping[str, str | int]
    ) -> httpx.Response:
        what = f"{method} {path}"
        pauses, budget = iter(PAUSES), RetryBudget(self._dialect.forge)
        while True:
            answer = self._once(method, path, body, query)
            if answer.is_success:
                return answer
            wait = _wait(answer, next(pauses, None))
            if wait is None or not _repeatable(method, answer) or not budget.wait(wait):
                raise self._refused(what, answer, _words(answer))

    def _once(
        self, method: str, path: str, body: JSON, query: Mapping[str, str | int]
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            what = f"{method} {path}"
            raise refused(self._dialect.forge, what, 0, str(error), self._token) from error
        self.clock_ahead = clock_ahead(answer.headers)
        return answer

    def _read(self, answer: httpx.Response, what: str) -> JSON:
        if not answer.content:
            return None
        try:
            return parsed(answer.content)
        except ValueError as error:
            raise self._refused(what, answer, f"it is not JSON: {answer.text}") from error

    def _refused(self, what: str, answer: httpx.Response, words: str) -> ForgeRefusedError:
        return refused(self._dialect.forge, what, answer.status_code, words, self._token)


def _repeatable(method: str, answer: httpx.Response) -> bool:
    """Whether a request may be made again: what a gateway lost may have been done nevertheless."""
    return method == "GET" or answer.status_code in {FORBIDDEN, 429}


def _wait(answer: httpx.Response, pause: float | None) -> float | None:
    """Seconds until the request may succeed: `pause`, or what the forge says.

    None where waiting does not help, and where `pause` is None.
    GitHub says with 403, too, that there were too many requests.
    """
    headers = answer.headers
    exhausted = headers.get("X-RateLimit-Remaining") == "0"
    limited = answer.status_code == FORBIDDEN and ("Retry-After" in headers or exhausted)
    if pause is None or not (limited or answer.status_code in BUSY):
        return None
    try:
        if (asked := retry_after(headers)) is not None:
            return asked
        if exhausted and math.isfinite(reset := float(headers["X-RateLimit-Reset"])):
            return max(reset - time.time(), 0.0)
    except (KeyError, ValueError):
        pass
    return pause


def _words(answer: httpx.Response) -> str:
    """What a forge says of a refusal: a message, and what is wrong with which field."""
    try:
        value = parsed(answer.content)
    except ValueError:
        return answer.text
    if not isinstance(value, dict):
        return answer.text
    errors = value.get("errors")
    details = [
        str(entry.get("message") or f"{entry.get('field')} is {entry.get('code')}")
        for entry in (errors if isinstance(errors, list) else ())
        if isinstance(entry, dict)
    ]
    return ": ".join([str(value.get("message") or value.get("error") or ""), *details])
