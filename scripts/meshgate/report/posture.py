"""What every server port accepts, which policy decides it, and which it overrides."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from meshgate.effect.codec import place
from meshgate.effect.describe import PLANES, owner
from meshgate.mesh import Direction, Level, Mode, Overridden, ServerMode, Workload
from meshgate.mesh.port_authorization import PortAuthorization
from meshgate.model import JSONObject, join_path
from meshgate.report import Options, admitted, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.report.view import MODE_STYLES, View
from meshgate.wording import plural

HEADINGS = (
    Column("workload"),
    Column("ports", soft=True),
    Column("accepts"),
    Column("decided by", spare=1),
    Column("overrides", soft=True, spare=2),
)
# Only where there is a policy, or a floor.
WHO = Column("who gets in", soft=True)
# How many workloads a note names.
NAMED = 4
LEGEND = "STRICT takes mesh mTLS only, PERMISSIVE plaintext too, DISABLE plaintext only."


class ServedPort(NamedTuple):
    """One port of one workload; `port` None: every port that has no answer of its own."""

    workload: Workload
    port: int | None
    answer: ServerMode
    access: PortAuthorization


class PortGroup(NamedTuple):
    """Ports of a workload that have one answer."""

    workload: Workload
    ports: str
    answer: ServerMode
    access: PortAuthorization


def headings(view: View) -> tuple[Column, ...]:
    """The columns of a mesh."""
    return (*HEADINGS, WHO) if admitted.is_asked(view) else HEADINGS


def servers(view: View) -> Iterator[ServedPort]:
    """Every port of every workload, sorted by namespace, workload and port."""
    for workload in view.mesh.workloads:
        for port in (*view.mesh.ports(workload), None):
            mode = view.mesh.mode_at(workload, port)
            access = view.mesh.authorization_at(workload, port)
            yield ServedPort(workload, port, mode, access)


def text(views: Sequence[View], options: Options) -> str:
    """A table for each environment."""
    style = Style(color=options.color)
    lines: list[str] = []
    for view in views:
        if view.environment:
            lines += [style("bold", plain(view.environment)), ""]
        ports = list(servers(view))
        rows_ = list(_by_namespace(view, grouped(ports)))
        lines += table(headings(view), rows_, style, options.width)
        who = admitted.tally(view, (each.access for each in ports if each.port is not None))
        closing = (f"{tally(ports)}.", LEGEND, who, *map(plain, notes(view, ports)))
        lines += ["", *(line for each in closing for line in wrap(each, options.width)), ""]
    return page(lines[:-1])


def json(views: Sequence[View], _options: Options) -> str:
    """`{"version", "servers"}`, one port a line."""
    entries = (_as_json(view, server) for view in views for server in servers(view))
    return document(version=VERSION, servers=Rows(entries))


def markdown(views: Sequence[View], _options: Options) -> str:
    """A table for each environment."""
    parts = []
    for view in views:
        ports = list(servers(view))
        columns = [heading.heading for heading in headings(view)]
        lines = [row(columns), row(["---"] * len(columns))]
        for line in grouped(ports):
            cells = (prose(cell.text) for cell in _cells(view, line))
            lines.append(row([cell_code(str(line.workload)), *cells]))
        title = f"### {prose(view.environment)}\n\n" if view.environment else ""
        who = admitted.tally(view, (each.access for each in ports if each.port is not None))
        remarks = "".join(f"\n{prose(note)}" for note in notes(view, ports))
        parts.append(title + "\n".join(lines) + f"\n\n{tally(ports)}. {LEGEND} {who}\n{remarks}")
    return "\n".join(parts)


FORMATS = formats.of(text, json, markdown)


def grouped(served: Iterable[ServedPort]) -> Iterator[PortGroup]:
    """The ports of each workload that have one answer together."""
    for workload, own in itertools.groupby(served, key=lambda server: server.workload):
        answers: dict[object, list[ServedPort]] = {}
        for server in own:
            answer = server.answer
            key = accepts(server), answer.decided_by, answer.overrides, server.access
            answers.setdefault(key, []).append(server)
        for alike in answers.values():
            ports = ", ".join(str(server.port or "others") for server in alike)
            covered = "all" if len(answers) == 1 else ports
            yield PortGroup(workload, covered, alike[0].answer, alike[0].access)


def accepts(server: ServedPort | PortGroup) -> str:
    """What the ports let in, in a word or two."""
    answer = server.answer
    if answer.mode is None:
        return PLANES[server.workload.plane]
    if not answer.captured:
        return "anything (not captured)"
    if answer.alternatives:
        modes = dict.fromkeys([answer.mode, *(other.mode for other in answer.alternatives)])
        return f"{' or '.join(str(mode) for mode in modes)} (order unknown)"
    return str(answer.mode) if answer.decided else f"{answer.mode}? ({answer.reason})"


def tally(served: Iterable[ServedPort]) -> str:
    """How many ports accept what."""
    modes: Counter[str] = Counter()
    outside: set[int] = set()
    undecided = 0
    for server in served:
        if server.answer.mode is None and server.answer.decided:
            outside.add(id(server.workload))
        elif server.answer.mode is not None and server.port is not None:
            modes[server.answer.mode if server.answer.captured else "not captured"] += 1
        undecided += not server.answer.decided
    parts = [f"{modes[key]} {key}" for key in (*Mode, "not captured") if modes[key]]
    sentence = f"{plural(sum(modes.values()), 'port')}" + (f": {', '.join(parts)}" if parts else "")
    if outside:
        sentence += f"; {plural(len(outside), 'workload')} that no PeerAuthentication reaches"
    return sentence + (f"; {undecided} undecided" if undecided else "")


def notes(view: View, served: Sequence[ServedPort]) -> Iterator[str]:
    """What a mode does not tell: what is not read, and whose packets are dropped before."""
    yield from unread(served)
    filtered: dict[str, dict[str, None]] = {}
    for server in served:
        if policies := filtering(view, server.workload):
            filtered.setdefault(", ".join(policies), {})[str(server.workload)] = None
    for names, workloads in filtered.items():
        yield (
            f"Packets are filtered before {_few(list(workloads))} by NetworkPolicies: {names}; "
            "`meshgate calls` tells whose pass."
        )


def filtering(view: View, workload: Workload) -> list[str]:
    """The NetworkPolicies that isolate a workload for what comes in."""
    packets = view.mesh.packets
    party = packets.parties.of_workload(workload)
    isolation = packets.table.isolation(Direction.INGRESS, party)
    return [owner(policy.resource) for policy in isolation.all]


def unread(served: Iterable[ServedPort]) -> Iterator[str]:
    """What is not known beside the modes: who may refuse calls that a mode lets in."""
    covered: dict[str, dict[str, None]] = {}
    for server in served:
        if server.answer.may_refuse:
            covered.setdefault(server.answer.may_refuse, {})[str(server.workload)] = None
    for reason, names in covered.items():
        yield f"Not known is who gets in at {_few(list(names))}: {reason}."


def _few(names: Sequence[str]) -> str:
    more = f" and {plural(len(names) - NAMED, 'more workload')}" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _by_namespace(view: View, lines: Iterable[PortGroup]) -> Iterator[list[Cell]]:
    """The rows of the table, with a line before each namespace."""
    for namespace, own in itertools.groupby(lines, key=lambda line: line.workload.namespace):
        yield [Cell(plain(namespace), "bold")]
        shown = None
        for line in own:
            name = f"  {plain(line.workload.name)}" if line.workload is not shown else ""
            shown = line.workload
            yield [Cell(name), *_cells(view, line)]


def _cells(view: View, line: PortGroup) -> Iterator[Cell]:
    """What the ports accept, why, and who gets in; a policy's namespace follows from its level."""
    answer = line.answer
    yield Cell(line.ports)
    settled = answer.mode is not None and answer.captured and answer.decided
    style = MODE_STYLES[answer.mode] if answer.mode and settled else "yellow"
    yield Cell(plain(accepts(line)), style)
    policy = answer.decided_by.policy
    if answer.mode is None:
        yield Cell("-", "dim")
    elif policy is None:
        yield Cell("Istio's default")
    else:
        yield Cell(plain(f"{answer.decided_by.level} {policy.name}"))
    yield Cell(plain("; ".join(map(_overridden, answer.overrides))) or "-", "dim")
    if admitted.is_asked(view):
        who = admitted.describe(view, line.access, answer.mode)
        yield Cell(plain(who), admitted.style(view, line.access))


def _overridden(other: Overridden) -> str:
    why = " (newer)" if other.why == "older" else ""
    return f"{other.level} {other.policy.name} {other.mode or 'UNSET'}{why}"


def _as_json(view: View, server: ServedPort) -> JSONObject:
    answer = server.answer
    return {
        "environment": view.environment,
        "namespace": server.workload.namespace,
        "workload": server.workload.name,
        "kind": server.workload.kind,
        "dataPlane": server.workload.plane,
        "port": server.port,
        "mode": answer.mode,
        "decidedBy": _decided_by(view, server.port, answer),
        "overrides": [
            {
                "level": other.level,
                "resource": owner(other.policy),
                "mode": other.mode,
                "why": other.why,
                "source": place(view.locate(other.policy, "spec.mtls.mode")),
            }
            for other in answer.overrides
        ],
        "authorization": admitted.as_json(view, server.access),
        "captured": answer.captured,
        "decided": answer.decided,
        "reason": answer.reason,
        # Only where something may: most readers know no such key.
        **({"mayRefuse": answer.may_refuse} if answer.may_refuse else {}),
        **({"filteredBy": names} if (names := filtering(view, server.workload)) else {}),
        "alternatives": [
            {"mode": other.mode, "decidedBy": _decided_by(view, server.port, other)}
            for other in answer.alternatives
        ],
    }


def _decided_by(view: View, port: int | None, answer: ServerMode) -> JSONObject:
    level, policy = answer.decided_by
    if policy is None:
        return {"level": level, "resource": None, "source": None}
    if level is Level.PORT:
        path = join_path("spec", "portLevelMtls", str(port), "mode")
    else:
        path = "spec.mtls.mode"
    return {
        "level": level,
        "resource": owner(policy),
        "source": place(view.locate(policy, path)),
    }
