"""Annotations that istiod refuses on any object (validateMetadata)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem
from meshgate.wording.phrases import shown

DRY_RUN = "istio.io/dry-run"
# istiod's own marks; on an object of a user they would give it rights or refuse it.
INTERNAL = (
    "internal.istio.io/webhook-always-reject",
    "internal.istio.io/parent-namespace",
    "internal.istio.io/parents",
)
# What strconv.ParseBool reads.
BOOLEANS = frozenset(
    {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
)


def metadata_problems(resource: Resource) -> Iterator[Problem]:
    """What is wrong with the annotations of an object of Istio's API."""
    annotations = resource.annotations
    if not annotations:
        return
    for name in INTERNAL:
        if name in annotations:
            yield Problem(("metadata", "annotations", name), "is for istiod's own use")
    if DRY_RUN not in annotations:
        return
    path = ("metadata", "annotations", DRY_RUN)
    if resource.kind != "AuthorizationPolicy":
        yield Problem(path, "works on an AuthorizationPolicy alone; here it is refused")
    elif resource.spec.get("action", "ALLOW") not in {"ALLOW", "DENY"}:
        yield Problem(path, "works with action ALLOW and DENY alone")
    elif annotations[DRY_RUN] not in BOOLEANS:
        yield Problem(path, f"{shown(annotations[DRY_RUN])} is neither true nor false")
