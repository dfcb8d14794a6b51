"""What a safe step is excused from for a while, with a last day: waivers, and differences.

A step holds clients to plaintext on purpose, and keeps an environment behind the one before it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from meshgate.config.reading import parse
from meshgate.errors import UsageError
from meshgate.mesh import Mesh
from meshgate.model import JSONObject, Resource
from meshgate.rules.re001_weaker_than_upstream import weaker_ports
from meshgate.yamldoc.writing import dump_value

# Where the clients of a host are held to plaintext (TLS disabled).
HELD_RULE, HELD = "DR001", "DestinationRule"
WAIVERS, DIFFERENCES = "waivers", "differences"
TOP = {
    key: re.compile(rf"^{key}:[ \t]*(\[\s*\])?[ \t]*(#.*)?$", re.MULTILINE)
    for key in (WAIVERS, DIFFERENCES)
}
ITEM = re.compile(r"^( *)- ", re.MULTILINE)
ONE_BELOW = "write its `{}` as a list with one entry below the other"
OWNER = "safe steps"
# How long a step may take before somebody must look at it again.
LASTS = datetime.timedelta(days=30)


# Workloads and ports that may be weaker anyway; None: every port.
Declared: TypeAlias = set[tuple[str, int | None]]


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
            "owner": OWNER,
            "reason": f"step {at.number} of {at.of} holds clients to plaintext while servers "
            "change; the step that releases them takes this away",
            "expires": (at.day + LASTS).isoformat(),
        }
        for resource in step
        if resource.kind == HELD
        and _disables(resource.spec)
        and (str(resource) not in last or last[str(resource)].spec != resource.spec)
    ]


def differences_of(
    step: Mesh, end: Mesh, upstream: Mapping[str, Mesh], declared: Declared, at: StepNumber
) -> list[JSONObject]:
    """The declared differences of a step: the ports that it keeps weaker than upstream has them.

    What is weaker in the end too is not the step's. `upstream` has the names of this environment.
    """
    found: dict[tuple[str, int], str] = {}
    ports: dict[str, list[int]] = {}
    for name, before in upstream.items():
        lasting = set(_weaker(end, before))
        for workload, port in _weaker(step, before):
            allowed = {(workload, port), (workload, None)} & declared
            if not allowed and (workload, port) not in lasting:
                found.setdefault((workload, port), name)
                ports.setdefault(workload, []).append(port)
    entries: list[JSONObject] = []
    for workload, own in ports.items():
        numbers = sorted(set(own))
        place, _, name = workload.partition("/")
        whole = numbers == step.ports(step.workload(place, name))
        entries += [
            {
                "workload": workload,
                **({} if whole else {"port": number}),
                "owner": OWNER,
                "reason": f"{found[workload, number]} is ahead until the last of {at.of} steps",
                "expires": (at.day + LASTS).isoformat(),
            }
            for number in (numbers[:1] if whole else numbers)
        ]
    return entries


def _weaker(mesh: Mesh, before: Mesh) -> Iterator[tuple[str, int]]:
    for workload in mesh.workloads:
        if workload.has_sidecar:
            for weaker in weaker_ports(mesh, before, workload):
                yield str(workload), weaker.port


def with_entries(text: str, key: str, entries: list[JSONObject], file: str) -> str:
    """The text of a waivers file with entries first below a key, all else as it is.

    Raises UsageError for a file that is written in a way that cannot be added to.
    """
    if not entries:
        return text
    before: JSONObject = (parse(text, file).value if text.strip() else None) or {}
    top = TOP[key].search(text)
    refused = UsageError(f"{file} cannot be added to as it is written", hint=ONE_BELOW.format(key))
    if top is None and key in before:
        raise refused
    written = dump_value(entries)
    if top is None:
        new = f"{text.rstrip()}\n{key}:\n" if text.strip() else f"{key}:\n"
        new += _indented(written, "  ")
    else:
        rest = text[top.end() :].lstrip("\n")
        first = ITEM.search(rest)
        indent = first[1] if first is not None else "  "
        new = f"{text[: top.start()]}{key}:\n{_indented(written, indent)}{rest}"
    wanted = {**before, key: [*entries, *(before.get(key) or [])]}
    after: JSONObject = parse(new, file).value
    if _sorted(after) != _sorted(wanted):
        raise refused
    return new


def _sorted(document: JSONObject) -> dict[str, list[str]]:
    """Each list of a waivers file, its entries as text in some order."""
    return {key: sorted(map(str, entries or [])) for key, entries in document.items()}


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
