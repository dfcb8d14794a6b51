"""Ask a Prometheus server, and say in plain words why it does not answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urlsplit

from meshgate.answers import RetryBudget, excerpt, parsed, retry_after
from meshgate.errors import ServiceError, UsageError, missing_libraries
from meshgate.model import JSON

if TYPE_CHECKING:
    # An extra, which need not be installed; `_client_library` imports it.
    import httpx

CONNECT_TIMEOUT = 10.0  # seconds
# Prometheus gives a query up after two minutes (--query.timeout).
ANSWER_TIMEOUT = 130.0
# What PromQL itself remarks; all other warnings say that the answer is not whole.
REMARK = "PromQL info:"
# Seconds between the attempts at a query that the server is too busy for, unless it says.
PAUSES = (0.5, 1.0, 2.0)
BUSY = frozenset({429, 502, 503, 504})


class Series(NamedTuple):
    """One line of an answer: its labels, and values by time in seconds since 1970."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """One server's query API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    def __init__(
        self, url: str, *, token: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        """Raises UsageError for an address that is none, ToolError where the client is missing."""
        self.url = checked(url)
        self._httpx = _client_library()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = self._httpx.Client(
            headers=headers,
            timeout=self._httpx.Timeout(ANSWER_TIMEOUT, connect=CONNECT_TIMEOUT),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """The values of an expression from `start` to `end`, one every `step` seconds.

        Raises ServiceError for anything but a whole answer.
        """
        data = self._ask(
            "/api/v1/query_range",
            {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"},
        )
        try:
            answer = [
                Series(
                    dict(each["metric"]),
                    tuple((float(time), float(value)) for time, value in each["values"]),
                )
                for each in data["result"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._nonsense(repr(data)) from error
        for series in answer:
            if fault := _fault(series, start - step, end + step):
                raise self._nonsense(f"{fault}: {series!r}")
        return answer

    def _ask(self, path: str, form: Mapping[str, str]) -> JSON:
        httpx = self._httpx
        budget, pauses = RetryBudget(f"Prometheus at {self.url}"), iter(PAUSES)
        try:
            while True:
                # In the body: an expression may be longer than an address.
                response = self._client.post(self.url + path, data=form)
                pause, asked = next(pauses, None), retry_after(response.headers)
                busy = response.status_code in BUSY
                if not busy or pause is None:
                    break
                if not budget.wait(pause if asked is None else asked):
                    break
        except httpx.TimeoutException as error:
            raise ServiceError(
                f"Prometheus at {self.url} did not answer in time",
                why=type(error).__name__,
                hint="a shorter --window, or a --query-label, asks for less",
            ) from error
        except httpx.HTTPError as error:
            raise ServiceError(
                f"Prometheus at {self.url} cannot be reached",
                why=excerpt(error),
                hint="is the address right, and the way there open?",
            ) from error
        if response.is_redirect:
            raise ServiceError(
                f"{self.url} sends its callers elsewhere: {response.status_code}",
                why="A token is not carried to another place.",
                hint="name the server itself with --prometheus",
            )
        if response.status_code in {401, 403}:
            raise ServiceError(
                f"Prometheus at {self.url} refuses the query: {response.status_code}",
                hint="give a bearer token that may read it with --token-file",
            )
        return self._data(response)

    def _data(self, response: httpx.Response) -> JSON:
        try:
            answer = parsed(response.content)
            status = answer["status"]
            warnings = [str(text) for text in answer.get("warnings") or ()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._nonsense(f"{response.status_code}: {response.text}") from error
        if status != "success":
            raise ServiceError(
                f"Prometheus at {self.url} could not answer: "
                + excerpt(answer.get("error", status)),
                hint="a shorter --window, or a --query-label, asks for less",
            )
        partial = [text for text in warnings if not text.startswith(REMARK)]
        # Of VictoriaMetrics, whose storage is in several places.
        if answer.get("isPartial"):
            partial.append("isPartial is true")
        if partial:
            raise ServiceError(
                f"Prometheus at {self.url} gave a part of the answer only: {excerpt(partial[0])}",
                why="Calls would be missing, and a change would look harmless.",
                hint="ask again when all of its storage answers",
            )
        return answer.get("data")

    def _nonsense(self, text: str) -> ServiceError:
        return ServiceError(
            f"{self.url} does not answer as Prometheus does",
            why=excerpt(text),
            hint="give the address before /api/v1, such as https://prometheus.example.com",
        )


def _fault(series: Series, start: float, end: float) -> str:
    """What a line of an answer says that cannot be; empty: nothing."""
    if not all(isinstance(text, str) for pair in series.labels.items() for text in pair):
        return "its labels are no texts"
    for time, value in series.points:
        if not start <= time <= end:
            return "it is of a time that was not asked for"
        if not math.isfinite(value) or value < 0:
            return "calls cannot be counted so"
    return ""


def checked(url: str) -> str:
    """The address without a slash at its end. Raises UsageError where it is not plain."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--prometheus: {error}") from error
    if parts.username is not None or parts.password is not None:
        # Not repeated: what it holds is a secret.
        raise UsageError(
            "--prometheus: the address holds a user or a password",
            why="An address ends up in logs, and in the file that is written.",
            hint="put a bearer token into a file and name it with --token-file",
        )
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise UsageError(
            f"--prometheus {url}: this is no address of a server",
            hint="write it as https://prometheus.example.com",
        )
    return url.rstrip("/")


def read_token(file: Path) -> str:
    """The bearer token in a file. Raises UsageError, which never shows it."""
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise UsageError(f"--token-file {file}: cannot be read: {why}") from error
    if not token or len(token.split()) > 1:
        raise UsageError(f"--token-file {file}: holds no single token")
    return token


def _client_library() -> ModuleType:
    try:
        import httpx  # noqa: PLC0415 - an extra: only a capture needs it
    except ImportError as error:
        raise missing_libraries("httpx", use="What asks Prometheus") from error
    return httpx
