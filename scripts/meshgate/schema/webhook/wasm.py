"""A WebAssembly filter, and the traffic that it sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshgate.schema import golang
from meshgate.schema.phrases import shown
from meshgate.schema.webhook.problem import Problem, port_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshgate.model import JSONObject
    from meshgate.schema.webhook.problem import Path

SCHEMES = frozenset({"", "file", "http", "https", "oci"})
SHA256 = re.compile(r"[a-f0-9]{64}")
MAX_SECRET_NAME = 253
MAX_NAME = 256


def wasm(config: JSONObject, path: Path) -> Iterator[Problem]:
    """The fields that a WasmPlugin and the `wasm` of a TrafficExtension share."""
    yield from _url(config.get("url", ""), path)
    if config.get("sha256") and not SHA256.fullmatch(config["sha256"]):
        yield Problem((*path, "sha256"), "must be 64 hexadecimal digits in lower case")
    for field, limit in (("imagePullSecret", MAX_SECRET_NAME), ("pluginName", MAX_NAME)):
        if len(config.get(field, "")) > limit:
            yield Problem((*path, field), f"is longer than {limit} characters")
    names: set[str] = set()
    for index, variable in enumerate(config.get("vmConfig", {}).get("env", ())):
        here = (*path, "vmConfig", "env", index)
        name = variable.get("name", "")
        if not name or len(name) > MAX_NAME:
            yield Problem(here, f"a variable needs a name of 1 to {MAX_NAME} characters")
        if name in names:
            yield Problem((*here, "name"), f"`{name}` is there twice")
        names.add(name)
        if variable.get("valueFrom", "INLINE") != "INLINE" and variable.get("value"):
            yield Problem((*here, "value"), "goes with valueFrom INLINE alone")


def _url(text: str, path: Path) -> Iterator[Problem]:
    """An address with a scheme that Istio can fetch; without one it is taken for http."""
    if not text:
        yield Problem(path, "`url` is missing")
        return
    try:
        scheme = golang.request_uri(text).scheme
        golang.any_url(text)
    except ValueError:
        try:
            golang.request_uri(f"http://{text}")
            golang.any_url(f"http://{text}")
        except ValueError as error:
            yield Problem((*path, "url"), f"{shown(text)} is no URL: {error}")
        return
    if scheme not in SCHEMES:
        yield Problem((*path, "url"), f"`{scheme}` cannot be fetched: use oci, https, http or file")


def ports(spec: JSONObject) -> Iterator[Problem]:
    """The ports of `match`."""
    for index, match in enumerate(spec.get("match", ())):
        for position, port in enumerate(match.get("ports", ())):
            here = ("spec", "match", index, "ports", position, "number")
            yield from port_number(port.get("number", 0), here)
