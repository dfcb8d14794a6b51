"""Objects against their schemas, and what is said of them."""

from __future__ import annotations

import copy
from collections.abc import Collection

from meshgate.model import JSON, JSONObject, Origin, Resource, SchemaViolation
from meshgate.schema import check

MINORS = ("1.28", "1.29", "1.30", "1.31")


def manifest(api_version: str, kind: str, **spec: JSON) -> JSONObject:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "a", "namespace": "boards"},
        "spec": spec,
    }


def violations(
    *values: JSONObject, istio: str = "1.31", allowed: Collection[str] | None = None
) -> list[SchemaViolation]:
    resources = [Resource.of(value, Origin("a.yaml")) for value in values]
    return check(resources, istio=istio, engine="jsonschema", allowed=allowed)


def said(value: JSONObject, **options: JSON) -> list[tuple[str, str, str]]:
    """Rule, path and message of each violation."""
    return [(v.rule, v.path, v.message) for v in violations(value, **options)]


PA = manifest("security.istio.io/v1", "PeerAuthentication", mtls={"mode": "STRICT"})
DR = manifest("networking.istio.io/v1", "DestinationRule", host="boards")


def spec(value: JSONObject, **changed: JSON) -> JSONObject:
    out = copy.deepcopy(value)
    out["spec"] |= changed
    return out
