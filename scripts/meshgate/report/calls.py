"""What every client sends to every service port, and what becomes of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from meshgate.effect.describe import named, owner
from meshgate.mesh import Call, CallClass, DataPlane, Delivery, Outcome, Service, Verdict, Workload
from meshgate.mesh.calls import is_denied
from meshgate.mesh.client_groups import ClientGroup
from meshgate.model import JSONObject
from meshgate.report import Options, access, formats, packets
from meshgate.report.escape.json_text import dump, rows
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.report.view import MODE_STYLES, View
from meshgate.wording import plural

HEADINGS = (
    Column("clients"),
    Column("rule", soft=True, spare=1),
    Column("sends"),
    Column("to", spare=2),
    Column("accepts", spare=3),
    Column("outcome", soft=True),
)
COLUMNS = tuple(heading.heading for heading in HEADINGS)
VERDICT_STYLES = {
    Verdict.WORKS: "green",
    Verdict.BROKEN: "red",
    Verdict.DEPENDS: "yellow",
    Verdict.UNKNOWN: "yellow",
}
PLANE_WORDS = {
    DataPlane.SIDECAR: "with sidecar",
    DataPlane.AMBIENT: "in ambient mode",
    DataPlane.GATEWAY: "gateways",
    DataPlane.NONE: "without sidecar",
    DataPlane.UNKNOWN: "that may have a sidecar",
}
# A class of more clients is one entry of JSON for each endpoint.
MOST_ONE_BY_ONE = 10
# How many clients or endpoints a line names before it only counts them.
NAMED = 2


def _colour(delivery: Delivery) -> str:
    """Of an outcome; what anybody on the way can read is never green."""
    if delivery.outcome is Outcome.OK_PLAINTEXT and delivery.verdict is Verdict.WORKS:
        return "yellow"
    return VERDICT_STYLES[delivery.verdict]


class CallsQuestion(NamedTuple):
    """Which calls of a view are wanted; None: no limit."""

    view: View
    client: Workload | None = None
    services: Sequence[Service] | None = None
    port: int | None = None
    only_broken: bool = False
    only_denied: bool = False
    # Whether JSON has one entry for each call, also of many clients that are treated alike.
    full: bool = True


def classes(asked: CallsQuestion) -> Iterator[CallClass]:
    """The classes of the calls that were asked for."""
    mesh = asked.view.mesh
    own = mesh.clients.class_of(asked.client) if asked.client is not None else None
    for service in mesh.services if asked.services is None else asked.services:
        for port in service.ports:
            if asked.port is not None and port.number != asked.port:
                continue
            for each in mesh.request_classes(service, port):
                is_meant = asked.client is None or (own is not None and each.clients.has(own))
                if is_meant and _wanted(each, asked):
                    yield each


def text(questions: Sequence[CallsQuestion], options: Options) -> str:
    """For each service port a table: clients that are treated alike share a line."""
    style = Style(color=options.color)
    lines: list[str] = []
    for asked in questions:
        if title := _title(asked):
            lines += [style("bold", plain(title)), ""]
        listed = list(classes(asked))
        # The client that was asked for stands in the title.
        first = 0 if asked.client is None else 1
        rows_ = [
            cells if len(cells) == 1 else _indented(cells[first:])
            for _, alike in itertools.groupby(listed, key=lambda each: (each.service, each.port))
            for cells in _port(list(alike), asked)
        ]
        if rows_:
            lines += table(HEADINGS[first:], rows_, style, options.width)
            lines.append("")
        lines += [line for reason in reasons(listed) for line in wrap(plain(reason), options.width)]
        lines += [f"{tally(asked, listed)}.", ""]
    return page(lines[:-1])


def json(questions: Sequence[CallsQuestion], options: Options) -> str:
    """The same as `streamed`, in one piece."""
    return "".join(streamed(questions, options))


def streamed(questions: Sequence[CallsQuestion], _options: Options) -> Iterator[str]:
    """`{"version", "calls"}`, a line for each call of one client to one endpoint, as they come.

    Unless all are asked for, many clients that differ in nothing are one entry for each
    endpoint: of its first client, and with what they all are in `clients`. A mesh has more calls
    than fit into memory.
    """
    entries = (dump(entry) for asked in questions for entry in _entries(asked))
    yield from rows(entries, "calls", version=VERSION)


def _entries(asked: CallsQuestion) -> Iterator[JSONObject]:
    if asked.full or asked.client is not None:
        yield from (as_json(asked.view, call) for call in calls(asked))
        return
    for each in classes(asked):
        group = each.clients
        is_grouped = group.count > MOST_ONE_BY_ONE
        clients = itertools.islice(group.members, 1) if is_grouped else group.members
        for call in each.calls(clients, only_broken=asked.only_broken):
            if not asked.only_denied or is_denied(call.delivery):
                entry = as_json(asked.view, call)
                yield {**entry, "clients": _clients_entry(group)} if is_grouped else entry


def _clients_entry(group: ClientGroup) -> JSONObject:
    return {"count": group.count, "plane": group.plane, "namespaces": group.namespaces}


def markdown(questions: Sequence[CallsQuestion], _options: Options) -> str:
    """One table for each environment."""
    parts = []
    for asked in questions:
        listed = list(classes(asked))
        lines = [row(["service", *COLUMNS]), row(["---"] * (len(COLUMNS) + 1))]
        for each in listed:
            service = cell_code(f"{each.service}:{each.port.number}")
            lines += [
                row([service, *(prose(cell.text) for cell in cells)])
                for cells in _class(each, asked)
            ]
        title = f"### {prose(_title(asked))}\n\n" if _title(asked) else ""
        rows = "\n".join(lines) + "\n\n" if listed else ""
        why = "".join(f"{prose(reason)}\n\n" for reason in reasons(listed))
        parts.append(f"{title}{rows}{why}{tally(asked, listed)}.\n")
    return "\n".join(parts)


FORMATS = formats.of(text, json, markdown)


def calls(asked: CallsQuestion) -> Iterator[Call]:
    """The calls one by one."""
    clients = None if asked.client is None else [asked.client]
    for each in classes(asked):
        for call in each.calls(clients, only_broken=asked.only_broken):
            if not asked.only_denied or is_denied(call.delivery):
                yield call


def _wanted(each: CallClass, asked: CallsQuestion) -> tuple[Delivery, ...]:
    """The deliveries of a class that were asked for."""
    deliveries = each.broken if asked.only_broken else each.deliveries
    return tuple(filter(is_denied, deliveries)) if asked.only_denied else deliveries


def reasons(calls_: Iterable[CallClass]) -> list[str]:
    """Why outcomes are unknown, and why services do not get requests, each reason once."""
    classes = list(calls_)
    texts = (delivery.reason for each in classes for delivery in each.deliveries if delivery.reason)
    missed: dict[tuple[str, str], set[str]] = {}
    for each in classes:
        if each.detour and each.clients.count:
            port = f"{each.service.host}:{each.port.number}"
            missed.setdefault((_missing(each), each.detour), set()).add(port)
    return [f"unknown: {reason}." for reason in dict.fromkeys(texts)] + [
        f"{what}: {plural(len(targets), 'service port')}"
        + (f", {min(targets)}" if len(targets) == 1 else "")
        + f": {detour}."
        for (what, detour), targets in missed.items()
    ]


def _missing(each: CallClass) -> str:
    """What a service does not get of these calls."""
    if each.is_copy:
        return "copies lost"
    is_answered = any(delivery.outcome is Outcome.ANSWERED for delivery in each.deliveries)
    return "answered" if is_answered else "not reached"


def tally(asked: CallsQuestion, listed: Iterable[CallClass]) -> str:
    """How many calls end how."""
    outcomes: Counter[Outcome] = Counter()
    for each in listed:
        number = each.clients.count if asked.client is None else 1
        for delivery in _wanted(each, asked):
            outcomes[delivery.outcome] += number
    total = sum(outcomes.values())
    kind = "broken call" if asked.only_broken else "call"
    if asked.only_denied:
        kind = "denied or blocked call"
    parts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome if outcomes[outcome])
    return f"{plural(total, kind)}: {parts}" if total else f"no {kind}s"


def _title(asked: CallsQuestion) -> str:
    parts = [asked.view.environment or ""]
    if asked.client is not None:
        parts.append(f"calls of {named(asked.client)}")
    return ": ".join(part for part in parts if part)


def _port(alike: list[CallClass], asked: CallsQuestion) -> Iterator[list[Cell]]:
    """The lines of one service port, under its title."""
    yield [Cell(plain(f"{alike[0].service}:{alike[0].port.number}"), "bold")]
    for each in alike:
        yield from _class(each, asked)


def _indented(cells: list[Cell]) -> list[Cell]:
    first, *rest = cells
    return [Cell(f"  {first.text}" if first.text else "", first.style), *rest]


def _class(each: CallClass, asked: CallsQuestion) -> Iterator[list[Cell]]:
    """One class: a line for each sort of delivery, clients and rules in the first one only."""
    policy = each.policy
    rules = " + ".join(owner(rule) for rule in policy.rules) if policy is not None else ""
    clients, rule = _clients(each, asked), plain(rules) or "-"
    wanted = _wanted(each, asked)
    sorts: dict[object, list[Delivery]] = {}
    for delivery in wanted:
        key = (*delivery[1:5], delivery.admission, delivery.blocking)
        sorts.setdefault(key, []).append(delivery)
    for deliveries in sorts.values():
        first = deliveries[0]
        mode = first.mode
        yield [
            Cell(clients),
            Cell(rule, "" if rules else "dim"),
            Cell(plain(_sent(first))),
            Cell(plain(_endpoints(deliveries))),
            Cell(str(mode or "-"), MODE_STYLES[mode] if mode else "dim"),
            Cell(plain(_outcome(first)), _colour(first)),
        ]
        clients = rule = ""


def _clients(each: CallClass, asked: CallsQuestion) -> str:
    """Who these clients are, in a few words."""
    if asked.client is not None:
        return plain(named(asked.client))
    group = each.clients
    if group.count <= NAMED:
        return plain(", ".join(map(named, group.members)))
    namespaces = group.namespaces
    where = f" in {namespaces[0]}" if len(namespaces) == 1 else ""
    return plain(f"{group.count} {PLANE_WORDS[group.plane]}{where}")


def _sent(delivery: Delivery) -> str:
    if delivery.alternatives:
        return " or ".join(dict.fromkeys(str(each.transport) for each in delivery.alternatives))
    return str(delivery.transport or "-")


def _endpoints(deliveries: Sequence[Delivery]) -> str:
    ends = [delivery.endpoint for delivery in deliveries]
    names = [f"{end.workload or end.address}:{end.port}" for end in ends if end is not None]
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} endpoints"


def _outcome(delivery: Delivery) -> str:
    if delivery.alternatives:
        return " or ".join(dict.fromkeys(str(each.outcome) for each in delivery.alternatives))
    if delivery.blocking is not None:
        return f"{delivery.outcome} {packets.describe(delivery.blocking)}"
    if delivery.admission is not None and (how := access.describe(delivery.admission)):
        return f"{delivery.outcome} {how}"
    return str(delivery.outcome)


def as_json(view: View, call: Call) -> JSONObject:
    """A call of the contract."""
    end = call.endpoint
    workload = end.workload if end is not None else None
    return {
        "environment": view.environment,
        "client": {"namespace": call.client.namespace, "workload": call.client.name},
        "host": call.service.host,
        "port": call.port.number,
        "subset": call.subset,
        "endpoint": None
        if end is None
        else {
            "namespace": end.namespace,
            "workload": workload.name if workload is not None else None,
            "address": end.address,
            "port": end.port,
        },
        "destinationRules": [owner(rule) for rule in call.policy.rules] if call.policy else [],
        "tls": call.tls,
        "transport": call.transport,
        "serverMode": call.mode,
        "outcome": call.outcome,
        "verdict": call.verdict,
        "authorization": access.as_json(view, call.delivery),
        "blocked": packets.as_json(view, call.delivery.blocking),
        "decided": call.outcome is not Outcome.UNKNOWN,
        "reason": call.reason,
        "alternatives": [
            {"transport": each.transport, "outcome": each.outcome}
            for each in call.delivery.alternatives
        ],
    }
