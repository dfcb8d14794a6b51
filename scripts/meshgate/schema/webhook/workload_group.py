"""WorkloadGroup (validation.ValidateWorkloadGroup)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshgate.schema.phrases import shown
from meshgate.schema.webhook.problem import Problem, not_negative, port_number
from meshgate.schema.webhook.selectors import tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSONObject, Resource
    from meshgate.schema.webhook.problem import Path

HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")
COUNTERS = (
    "periodSeconds",
    "initialDelaySeconds",
    "timeoutSeconds",
    "successThreshold",
    "failureThreshold",
)
METHODS = ("httpGet", "tcpSocket", "exec")


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WorkloadGroup."""
    spec = resource.spec
    if "template" not in spec:
        yield Problem(("spec",), "`template` is missing")
        return
    yield from tags(spec.get("metadata", {}).get("labels", {}), ("spec", "metadata", "labels"))
    if "probe" in spec:
        yield from _probe(spec["probe"], ("spec", "probe"))


def _probe(probe: JSONObject, path: Path) -> Iterator[Problem]:
    yield from not_negative(probe, path, *COUNTERS)
    method = next((name for name in METHODS if name in probe), None)
    if method is None:
        yield Problem(path, "must set `httpGet`, `tcpSocket` or `exec`")
        return
    here = (*path, method)
    check = probe[method]
    if method == "exec":
        if not check.get("command"):
            yield Problem(here, "`command` is missing")
        return
    yield from port_number(check.get("port", 0), (*here, "port"))
    if check.get("scheme", "") not in {"", "HTTP", "HTTPS"}:
        yield Problem((*here, "scheme"), "must be HTTP or HTTPS")
    for index, header in enumerate(check.get("httpHeaders", ())):
        if not HEADER_NAME.fullmatch(header.get("name", "")):
            yield Problem(
                (*here, "httpHeaders", index), f"{shown(header.get('name', ''))} is no header name"
            )
