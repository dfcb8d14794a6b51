"""Read objects of a cluster, and only ever read."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from meshgate.answers import RetryBudget, excerpt, parsed, retry_after
from meshgate.cluster.kinds import ListedKind
from meshgate.errors import ServiceError, missing_libraries
from meshgate.model import JSON, JSONObject

PAGE = 500
TIMEOUT = 60.0  # seconds, for one page
# A list that took longer than the API server keeps its pages is begun anew.
ATTEMPTS = 3
# A server that is busy is asked ten times more, as kubectl does; seconds between, unless it says.
PAUSES = (1.0,) * 10
RIGHTS = "sync/rbac/reader.yaml"
# What it says of an API group or version that it does not serve (k8s.io/apiserver, NotFound).
NO_SUCH_PATH = "404 page not found"
# The kind of what it says of anything else.
STATUS = "Status"


class ServerAnswer(NamedTuple):
    """What the API server said to one request."""

    status: int
    value: JSON


class ClusterClient:
    """The API server that one context of a kubeconfig leads to."""

    def __init__(self, context: str, kubeconfig: Path | None = None) -> None:
        """Raises ToolError without the extra `cluster`, UsageError for a context that is none."""
        self.context = context
        self._client = _client(context, kubeconfig)

    def objects(self, kind: ListedKind) -> list[JSONObject] | None:
        """All objects of a kind, of every namespace; None: the API server does not know the kind.

        Raises ServiceError where it does not answer or refuses.
        """
        for version in kind.versions:
            with suppress(_UnknownError):
                return self._listed(version)
        return None

    def versions(self, kind: ListedKind) -> list[str]:
        """The versions that a kind is served in, as the API server's discovery has them, sorted.

        Raises ServiceError where it does not say.
        """
        if not kind.group:
            return []
        group = self._discovered(f"/apis/{kind.group}", "versions")
        names = [each.get("version") for each in group]
        return sorted(
            version
            for version in names
            if isinstance(version, str)
            and any(
                each.get("name") == kind.plural
                for each in self._discovered(f"/apis/{kind.group}/{version}", "resources")
            )
        )

    def _discovered(self, path: str, field: str) -> list[JSONObject]:
        """What discovery lists under a path; nothing where there is no such API."""
        answer = self._get(path)
        if answer.status == HTTPStatus.NOT_FOUND and _is_of_api_server(answer.value):
            return []
        self._refuse(answer, f"get {path}")
        listed = answer.value.get(field) or []
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise self._unexpected(path, f"its {field} are no list of objects")
        return listed

    def _listed(self, kind: ListedKind) -> list[JSONObject]:
        for _ in range(ATTEMPTS):
            with suppress(_ExpiredError):
                return list(self._pages(kind))
        raise ServiceError(
            f"{self.context}: the list of {kind.resource} changed faster than it could be read",
            hint="try again when the API server is less busy",
        )

    def config_map(self, namespace: str, name: str) -> JSONObject | None:
        """The data of a ConfigMap; None: there is none. Raises ServiceError."""
        answer = self._get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        if answer.status == HTTPStatus.NOT_FOUND and _is_of_api_server(answer.value):
            return None
        self._refuse(answer, f"get the ConfigMap {namespace}/{name}")
        data = answer.value.get("data") or {}
        if not isinstance(data, dict) or not all(isinstance(each, str) for each in data.values()):
            raise self._unexpected(
                f"the ConfigMap {namespace}/{name}", "its data is no text by name"
            )
        return data

    def _pages(self, kind: ListedKind) -> Iterator[JSONObject]:
        token = ""
        while True:
            query = [("limit", str(PAGE)), *([("continue", token)] if token else [])]
            answer = self._get(kind.path, query)
            if answer.status == HTTPStatus.GONE:
                raise _ExpiredError
            if answer.status == HTTPStatus.NOT_FOUND and _is_of_api_server(answer.value):
                if token:
                    # It was served a moment ago: half of a list is none.
                    raise _ExpiredError
                raise _UnknownError
            self._refuse(answer, f"list {kind.resource} in every namespace")
            listed, more = self._page(answer.value, kind)
            for item in listed:
                if fault := _fault(item):
                    raise self._unexpected(f"the list of {kind.resource}", fault)
                # Items of a list come without their type.
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            following = more.get("continue") or ""
            if not isinstance(following, str) or (following and following == token):
                raise self._unexpected(f"the list of {kind.resource}", "its pages do not end")
            token = following
            if not token:
                return

    def _page(self, value: JSONObject, kind: ListedKind) -> tuple[list[JSON], JSONObject]:
        """The items of a page, and what it says of the next."""
        what = f"the list of {kind.resource}"
        if "items" not in value:
            raise self._unexpected(what, "it has no items")
        listed, more = value["items"] or [], value.get("metadata") or {}
        if not isinstance(listed, list) or not isinstance(more, dict):
            raise self._unexpected(what, "it is no list of objects")
        return listed, more

    def _get(self, path: str, query: list[tuple[str, str]] | None = None) -> ServerAnswer:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with the client

        call = self._client.param_serialize(
            method="GET",
            resource_path=path,
            query_params=query or [],
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        budget, pauses = RetryBudget(f"the API server of {self.context}"), iter(PAUSES)
        while True:
            try:
                response = self._client.call_api(*call, _request_timeout=TIMEOUT)
                content = response.read()
            except HTTPError as error:
                raise ServiceError(
                    f"{self.context}: the API server does not answer",
                    why=excerpt(error),
                    hint="check the context, the network, and that your login has not expired",
                ) from error
            pause, asked = next(pauses, None), retry_after(response.headers)
            if pause is None or not _is_busy(response):
                break
            if not budget.wait(pause if asked is None else asked):
                break
        try:
            value = parsed(content or b"{}")
        except ValueError:
            value = content.decode("utf-8", "replace")
        return ServerAnswer(response.status, value)

    def _unexpected(self, what: str, fault: str) -> ServiceError:
        return ServiceError(
            f"{self.context}: {what} is not as the Kubernetes API has it",
            why=fault,
            hint="is this address the API server itself, and no proxy or login page before it?",
        )

    def _refuse(self, answer: ServerAnswer, what: str) -> None:
        if answer.status == HTTPStatus.OK:
            if not isinstance(answer.value, dict):
                raise self._unexpected(f"what it gives to `{what}`", excerpt(answer.value))
            return
        message = answer.value.get("message") if isinstance(answer.value, dict) else answer.value
        hint = ""
        if answer.status == HTTPStatus.FORBIDDEN:
            hint = f"{RIGHTS} grants what is needed, and no more: apply it and use its account"
        elif answer.status == HTTPStatus.UNAUTHORIZED:
            hint = "log in again: the API server does not know this account"
        raise ServiceError(
            f"{self.context}: not allowed to {what}"
            if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
            else f"{self.context}: cannot {what} (HTTP {answer.status})",
            why=excerpt(message or ""),
            hint=hint,
        )


def _is_busy(response: JSON) -> bool:
    """Whether the same request may succeed later."""
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return response.status >= HTTPStatus.INTERNAL_SERVER_ERROR and (
        "Retry-After" in response.headers
    )


def _is_of_api_server(value: JSON) -> bool:
    """Whether a 404 is the API server's own, and not of a proxy or a login page before it."""
    if isinstance(value, dict):
        return value.get("kind") == STATUS
    return isinstance(value, str) and value.strip() == NO_SUCH_PATH


def _fault(item: JSON) -> str:
    """What an object lacks that every object has; empty: nothing."""
    own = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(own, dict) or not isinstance(own.get("name"), str) or not own["name"]:
        return "an object has no name"
    if not isinstance(own.get("namespace", ""), str):
        return f"the namespace of {own['name']} is no text"
    for field in ("labels", "annotations"):
        texts = own.get(field) or {}
        if not isinstance(texts, dict) or not all(isinstance(each, str) for each in texts.values()):
            return f"{own['name']} has {field} that are no texts"
    owners = own.get("ownerReferences") or []
    if not isinstance(owners, list) or not all(isinstance(each, dict) for each in owners):
        return f"{own['name']} has owners that are no objects"
    for field in ("spec", "status"):
        if not isinstance(item.get(field) or {}, dict):
            return f"the {field} of {own['name']} is no object"
    return ""


class _ExpiredError(Exception):
    """The rest of a list is no longer kept."""


class _UnknownError(Exception):
    """There is no such API."""


def _client(context: str, kubeconfig: Path | None) -> JSON:
    try:
        importlib.import_module("kubernetes")
        from meshgate.cluster.login import api_client  # noqa: PLC0415 - an optional part
    except ImportError as error:
        raise missing_libraries("kubernetes", use="What talks to a cluster") from error
    return api_client(context, kubeconfig)
