"""Which workloads, Services or Gateways a policy is for."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import JSONObject
from meshgate.schema.webhook.hosts import tag_faults
from meshgate.schema.webhook.problem import Path, Problem

# Group and kind that a targetRef may name; the version does not matter.
TARGETS = {
    ("", "Service"),
    ("core", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
}


def attachment(spec: JSONObject, path: Path) -> Iterator[Problem]:
    """selector, targetRef and targetRefs: at most one, each well formed."""
    fields = ("selector", "targetRef", "targetRefs")
    chosen = [name for name in fields if spec.get(name, []) != []]
    if len(chosen) > 1:
        yield Problem((*path, chosen[1]), f"{chosen[0]} is set too; only one of them may be")
    yield from wildcards(spec.get("selector", {}).get("matchLabels", {}), (*path, "selector"))
    if "targetRef" in spec:
        yield from target(spec["targetRef"], (*path, "targetRef"))
    for index, reference in enumerate(spec.get("targetRefs", ())):
        yield from target(reference, (*path, "targetRefs", index))


def target(reference: JSONObject, path: Path) -> Iterator[Problem]:
    """One targetRef (validatePolicyTargetReference)."""
    if (reference.get("group", ""), reference.get("kind", "")) not in TARGETS:
        yield Problem(
            path,
            "a targetRef may name a Service, a ServiceEntry, or a Gateway or GatewayClass "
            "of gateway.networking.k8s.io, with its group",
        )


def wildcards(labels: dict[str, str], path: Path, field: str = "matchLabels") -> Iterator[Problem]:
    """No key is empty, no key or value has a wildcard (validateWorkloadSelector)."""
    for key, value in labels.items():
        if not key:
            yield Problem((*path, field), "a label key is empty")
        if "*" in key or "*" in value:
            yield Problem((*path, field, key), "a selector knows no wildcards")


def tags(labels: dict[str, str], path: Path) -> Iterator[Problem]:
    """Labels that a Pod could carry."""
    for key, fault in tag_faults(labels):
        yield Problem((*path, key), fault)
