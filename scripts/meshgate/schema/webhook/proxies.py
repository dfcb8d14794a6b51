"""ProxyConfig, TrafficExtension and WasmPlugin: their CRDs say nearly all of it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource
from meshgate.schema.webhook.problem import Problem, not_negative
from meshgate.schema.webhook.selectors import attachment

MAX_CODE = 65536


def problems(resource: Resource) -> Iterator[Problem]:
    """What the webhook refuses in any of them.

    ValidateProxyConfig, ValidateTrafficExtension, ValidateWasmPlugin.
    """
    spec = resource.spec
    yield from attachment(spec, ("spec",))
    if resource.kind == "ProxyConfig":
        yield from not_negative(spec, ("spec",), "concurrency")
    code = spec.get("lua", {}).get("inlineCode", "")
    if len(code.encode("utf-8", "surrogatepass")) > MAX_CODE:
        yield Problem(("spec", "lua", "inlineCode"), f"is longer than {MAX_CODE} bytes")
