"""Dated waivers for what safe steps do on purpose: they hold clients to plaintext for a while."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meshgate.config.reading import parse
from meshgate.errors import UsageError
from meshgate.model import JSONObject, Resource
from meshgate.yamldoc.writing import dump_value

# Where the clients of a host are held to plaintext (TLS disabled).
HELD_RULE, HELD = "DR001", "DestinationRule"
KEY = "waivers"
TOP = re.compile(r"^waivers:[ \t]*(\[\s*\])?[ \t]*(#.*)?$", re.MULTILINE)
ITEM = re.compile(r"^( *)- ", re.MULTILINE)
ONE_BELOW = "write its `waivers` as a list with one entry below the other"
# How long a step may take before somebody must look at it again.
LASTS = datetime.timedelta(days=30)


class StepNumber(NamedTuple):
    """Which step of how many, and the day on which they were planned."""

    number: int
    of: int
    day: datetime.date


def waivers_of(
    step: Iterable[Resource], end: Iterable[Resource], at: StepNumber
) -> list[JSONObject]:
    """The waivers of a step: for each rule that sends plaintext there, and not in the end."""
    last = {str(resource): resource for resource in end}
    return [
        {
            "rule": HELD_RULE,
            "resource": str(resource),
            "owner": "safe steps",
            "reason": f"step {at.number} of {at.of} holds clients to plaintext while servers "
            "change; the step that releases them takes this away",
            "expires": (at.day + LASTS).isoformat(),
        }
        for resource in step
        if resource.kind == HELD
        and _disables(resource.spec)
        and (str(resource) not in last or last[str(resource)].spec != resource.spec)
    ]


def with_waivers(text: str, waivers: list[JSONObject], file: str) -> str:
    """The text of a waivers file with these behind the others, comments and all else as it is.

    Raises UsageError for a file that is written in a way that cannot be added to.
    """
    entries = dump_value(waivers)
    before: JSONObject = (parse(text, file).value if text.strip() else None) or {}
    top = TOP.search(text)
    if top is None and KEY in before:
        raise UsageError(f"{file} cannot be added to as it is written", hint=ONE_BELOW)
    if top is None:
        new = f"{text.rstrip()}\n{KEY}:\n" if text.strip() else f"{KEY}:\n"
        new += _indented(entries, "  ")
    else:
        rest = text[top.end() :].lstrip("\n")
        first = ITEM.search(rest)
        indent = first[1] if first is not None else "  "
        new = f"{text[: top.start()]}{KEY}:\n{_indented(entries, indent)}{rest}"
    wanted = [*waivers, *(before.get(KEY) or [])]
    after: JSONObject = parse(new, file).value
    if sorted(map(str, after.get(KEY) or [])) != sorted(map(str, wanted)):
        raise UsageError(f"{file} cannot be added to as it is written", hint=ONE_BELOW)
    return new


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def _disables(value: object) -> bool:
    return any(tls == "DISABLE" for tls in _modes(value))


def _modes(value: object) -> Iterator[object]:
    """Every `tls.mode` of a spec."""
    if isinstance(value, dict):
        tls = value.get("tls")
        if isinstance(tls, dict):
            yield tls.get("mode")
        for inside in value.values():
            yield from _modes(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _modes(inside)
