"""What istiod's validating webhook refuses and no schema says (SH004).

Read from Istio 1.31 (`pkg/config/validation`), its errors only, one module for each kind. Objects
have passed the schema and the CEL rules of their CRD, so a check may assume valid shapes and need
not repeat those rules.

Known gaps: the Envoy objects inside of EnvoyFilter patches, the key material of inline JWKS, and
regular expressions with constructs that only RE2 knows. Where Istio's answer hangs on the order of
a Go map, the object is refused. An older istiod may accept what this one refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

from meshgate.model import Resource, SchemaViolation, join_path
from meshgate.schema.webhook.metadata import metadata_problems
from meshgate.schema.webhook.problem import Problem

MESH_DOMAIN = ".istio.io"

# The module of each kind, and its function where that is not `problems`. It is imported for the
# first object of the kind: few repositories use all of them.
MODULES = {
    "AuthorizationPolicy": "authorization_policy",
    "DestinationRule": "destination_rule",
    "EnvoyFilter": "envoy_filter",
    "Gateway": "gateway",
    "PeerAuthentication": "authentication.peer_problems",
    "ProxyConfig": "proxies",
    "RequestAuthentication": "authentication.request_problems",
    "ServiceEntry": "service_entry",
    "Sidecar": "sidecar",
    "Telemetry": "telemetry",
    "TrafficExtension": "proxies",
    "VirtualService": "virtual_service",
    "WasmPlugin": "proxies",
    "WorkloadEntry": "workloads.entry_problems",
    "WorkloadGroup": "workloads.group_problems",
}


def violations(resource: Resource) -> Iterator[SchemaViolation]:
    """What the webhook refuses in an object of Istio's API that fits its CRD."""
    if resource.group.endswith(MESH_DOMAIN):
        for problem in metadata_problems(resource):
            yield SchemaViolation("SH004", resource, join_path(*problem.path), problem.message)
        for problem in _check(resource.kind)(resource):
            yield SchemaViolation("SH004", resource, join_path(*problem.path), problem.message)


@cache
def _check(kind: str) -> Callable[[Resource], Iterator[Problem]]:
    module, _, function = MODULES[kind].partition(".")
    check: Callable[[Resource], Iterator[Problem]] = getattr(
        import_module(f"{__name__}.{module}"), function or "problems"
    )
    return check
