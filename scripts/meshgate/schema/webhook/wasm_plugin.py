"""WasmPlugin (validation.ValidateWasmPlugin): its CRD says nearly all of it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem
from meshgate.schema.webhook.selectors import attachment


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WasmPlugin."""
    return attachment(resource.spec, ("spec",))
