"""ProxyConfig (validation.ValidateProxyConfig)."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem, not_negative
from meshgate.schema.webhook.selectors import wildcards


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a ProxyConfig."""
    spec = resource.spec
    yield from not_negative(spec, ("spec",), "concurrency")
    labels = spec.get("selector", {}).get("matchLabels", {})
    yield from wildcards(labels, ("spec", "selector"))
