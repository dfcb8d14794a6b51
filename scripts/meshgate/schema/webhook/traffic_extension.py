"""TrafficExtension (validation.ValidateTrafficExtension): its CRD says nearly all of it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem
from meshgate.schema.webhook.selectors import attachment

MAX_CODE = 65536


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in a TrafficExtension."""
    spec = resource.spec
    yield from attachment(spec, ("spec",))
    code = spec.get("lua", {}).get("inlineCode", "")
    if len(code.encode("utf-8", "surrogatepass")) > MAX_CODE:
        yield Problem(("spec", "lua", "inlineCode"), f"is longer than {MAX_CODE} bytes")
