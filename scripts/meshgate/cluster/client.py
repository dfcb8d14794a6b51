"""Read objects of a cluster: the only home of the Kubernetes client, and it only ever reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from meshgate.cluster.kinds import ListedKind
from meshgate.errors import ServiceError, ToolError, UsageError
from meshgate.model import JSON, JSONObject

PAGE = 500
TIMEOUT = 60.0  # seconds, for one page
# A list that took longer than the API server keeps its pages is begun anew.
ATTEMPTS = 3
RIGHTS = "sync/rbac/reader.yaml"


class Answer(NamedTuple):
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
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        self._refuse(answer, f"get the ConfigMap {namespace}/{name}")
        data = answer.value.get("data")
        return data if isinstance(data, dict) else {}

    def _pages(self, kind: ListedKind) -> Iterator[JSONObject]:
        token = ""
        while True:
            query = [("limit", str(PAGE)), *([("continue", token)] if token else [])]
            answer = self._get(kind.path, query)
            if answer.status == HTTPStatus.GONE:
                raise _ExpiredError
            if answer.status == HTTPStatus.NOT_FOUND:
                raise _UnknownError
            self._refuse(answer, f"list {kind.resource} in every namespace")
            for item in answer.value.get("items") or ():
                # Items of a list come without their type.
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            token = answer.value.get("metadata", {}).get("continue") or ""
            if not token:
                return

    def _get(self, path: str, query: list[tuple[str, str]] | None = None) -> Answer:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with the client

        call = self._client.param_serialize(
            method="GET",
            resource_path=path,
            query_params=query or [],
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            response = self._client.call_api(*call, _request_timeout=TIMEOUT)
            content = response.read()
        except HTTPError as error:
            raise ServiceError(
                f"{self.context}: the API server does not answer",
                why=str(error),
                hint="check the context, the network, and that your login has not expired",
            ) from error
        try:
            value = json.loads(content or b"{}")
        except ValueError:
            value = content.decode("utf-8", "replace")
        return Answer(response.status, value)

    def _refuse(self, answer: Answer, what: str) -> None:
        if answer.status == HTTPStatus.OK and isinstance(answer.value, dict):
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
            why=str(message or "").strip(),
            hint=hint,
        )


class _ExpiredError(Exception):
    """The rest of a list is no longer kept."""


class _UnknownError(Exception):
    """There is no such API."""


def _client(context: str, kubeconfig: Path | None) -> JSON:
    try:
        import kubernetes.config  # noqa: PLC0415 - an optional part
    except ImportError as error:
        raise ToolError(
            "the Kubernetes client is not installed",
            hint="install it beside meshgate: `pip install kubernetes`",
        ) from error
    config: JSON = kubernetes.config  # its functions have no types
    file = str(kubeconfig) if kubeconfig else None
    try:
        return config.new_client_from_config(file, context=context, persist_config=False)
    except (config.ConfigException, OSError) as error:
        known: list[str] = []
        with suppress(config.ConfigException, OSError):
            known = [entry["name"] for entry in config.list_kube_config_contexts(file)[0]]
        raise UsageError(
            f"--context {context}: cannot be used",
            why=str(error),
            hint=f"known: {', '.join(sorted(known))}" if known else "name a file with --kubeconfig",
        ) from error
