"""TrafficExtension (validation.ValidateTrafficExtension)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.schema.webhook.problem import Problem
from meshgate.schema.webhook.selectors import attachment
from meshgate.schema.webhook.wasm import ports, wasm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import Resource

MAX_CODE = 65536


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a TrafficExtension."""
    spec = resource.spec
    yield from attachment(spec, ("spec",))
    if ("wasm" in spec) == ("lua" in spec):
        yield Problem(("spec",), "must set either `wasm` or `lua`")
    if "wasm" in spec:
        yield from wasm(spec["wasm"], ("spec", "wasm"))
    if "lua" in spec:
        code = spec["lua"].get("inlineCode", "")
        if not code:
            yield Problem(("spec", "lua"), "`inlineCode` is missing")
        elif len(code.encode("utf-8", "surrogatepass")) > MAX_CODE:
            yield Problem(("spec", "lua", "inlineCode"), f"is longer than {MAX_CODE} bytes")
    yield from ports(spec)
