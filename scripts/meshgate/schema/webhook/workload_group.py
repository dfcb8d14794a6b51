"""WorkloadGroup (validation.ValidateWorkloadGroup)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem
from meshgate.schema.webhook.selectors import tags
from meshgate.wording.phrases import shown

HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")
METHODS = frozenset({"httpGet", "tcpSocket", "exec"})


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WorkloadGroup."""
    spec = resource.spec
    yield from tags(spec.get("metadata", {}).get("labels", {}), ("spec", "metadata", "labels"))
    probe = spec.get("probe")
    if probe is None:
        return
    if not METHODS & probe.keys():
        yield Problem(("spec", "probe"), "must set `httpGet`, `tcpSocket` or `exec`")
    elif "exec" in probe and not probe["exec"]["command"]:
        yield Problem(("spec", "probe", "exec", "command"), "is empty")
    for index, header in enumerate(probe.get("httpGet", {}).get("httpHeaders", ())):
        if not HEADER_NAME.fullmatch(header.get("name", "")):
            path = ("spec", "probe", "httpGet", "httpHeaders", index)
            yield Problem(path, f"{shown(header.get('name', ''))} is no header name of a probe")
