"""Objects that the model does not read, for tests of what they leave undecided."""

from __future__ import annotations

from typing import Any

from examples import examples
from meshes import (
    Object,
    thing,
)
from meshgate.mesh import Mesh, Verdict

MODERATE = examples(25)


def cilium(kind: str, place: str | None, name: str = "p", **spec: Any) -> Object:
    return thing("cilium.io/v2", kind, name, place, spec=spec)


def filtering(name: str, place: str, *types: str, **selector: str) -> Object:
    """A policy of Cilium, which is not read, for what comes in or, as `types` says, goes out."""
    chosen = {"matchLabels": selector} if selector else {}
    ways: dict[str, list[Object]] = {way.lower(): [] for way in types or ("Ingress",)}
    return cilium("CiliumNetworkPolicy", place, name, endpointSelector=chosen, **ways)


def verdicts(model: Mesh, client: str = "a/ui") -> set[Verdict]:
    place, _, name = client.partition("/")
    return {call.verdict for call in model.calls(model.workload(place, name))}


def extension(kind: str, place: str, **spec: Any) -> Object:
    return thing("extensions.istio.io/v1alpha1", kind, "p", place, spec=spec)


def proxy(kind: str, place: str, **spec: Any) -> Object:
    return thing("networking.istio.io/v1", kind, "p", place, spec=spec)


CART = {"matchLabels": {"app": "cart"}}
