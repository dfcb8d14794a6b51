"""WasmPlugin (validation.ValidateWasmPlugin)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.schema.webhook.selectors import attachment
from meshgate.schema.webhook.wasm import ports, wasm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import Resource
    from meshgate.schema.webhook.problem import Problem


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a WasmPlugin."""
    yield from attachment(resource.spec, ("spec",))
    yield from wasm(resource.spec, ("spec",))
    yield from ports(resource.spec)
