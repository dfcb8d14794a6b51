"""Header values with Envoy's `%VARIABLE%` (validateHeaderValue)."""

from __future__ import annotations

import re

from meshgate.wording.phrases import shown

FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# The language of Envoy's header parser: text, `%%`, or `%NAME%`, or `%NAME(…)%` with one bare
# string or a list of quoted ones. No two alternatives begin alike, so matching is linear.
STRING = r'(?:\\.|[^\\)"])*'
LAST = r'(?:\) *%|" *\] *\) *%)'
ARGUMENTS = rf'\( *(?:\[ *"|[^\[ ])(?:{STRING}" *, *")*{STRING}{LAST}'
VALUE = re.compile(rf"(?:[^%]|%%|%[^%(]*(?:%|{ARGUMENTS}))*", re.DOTALL)


def header_value_fault(value: str) -> str | None:
    """What Envoy refuses in a header's value, or None."""
    if FORBIDDEN.search(value):
        return f"{shown(value)} has a control character"
    if not VALUE.fullmatch(value):
        return f"{shown(value)}: a `%` that opens no variable must be written `%%`"
    return None
