"""WasmPlugin (validation.ValidateWasmPlugin): its CRD says nearly all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.schema.webhook.selectors import attachment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import Resource
    from meshgate.schema.webhook.problem import Problem


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WasmPlugin."""
    return attachment(resource.spec, ("spec",))
