"""Who can call whom in one mesh, as the page lists it: service port by service port."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from meshgate.effect.describe import named
from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.mesh import Allows, CallClass, Delivery, Mesh, Service, Verdict
from meshgate.report import access
from meshgate.report.calls import PLANE_WORDS
from meshgate.report.escape.visible import visible
from meshgate.report.view import View

# So many groups of clients are named in a cell.
NAMED = 6
KEPT_OUT, NOT_KNOWN = "kept out", "not known"
ORDER = ("every request", "some", NOT_KNOWN, KEPT_OUT)


def who_can_call(view: View) -> list[list[str]]:
    """`[host:port, what gets in, clients]`, those who get in first; strangers are clients, too."""
    cells: dict[tuple[str, int], dict[tuple[int, str], dict[str, None]]] = {}
    for call in view.mesh.call_classes():
        if not call.clients.count:
            continue
        port = cells.setdefault((call.service.host, call.port.number), {})
        for delivery in call.deliveries:
            names = port.setdefault(_what(delivery), {})
            names.update(dict.fromkeys(_names(call)))
    for service in view.mesh.services:
        for number, who, delivery in _strangers(view.mesh, service):
            port = cells.setdefault((service.host, number), {})
            port.setdefault(_what(delivery), {})[who] = None
    return [
        [visible(f"{host}:{number}"), visible(what), _listed(list(names))]
        for (host, number), port in sorted(cells.items(), key=lambda item: item[0])
        for (_, what), names in sorted(port.items(), key=lambda item: item[0])
    ]


def _names(call: CallClass) -> Iterator[str]:
    """The clients of a class: each by name, or all of a sort but those that stand alone."""
    group = call.clients
    if group.profile is not None:
        yield f"all {PLANE_WORDS[group.plane]}" + (
            " that are not named here" if group.left_out else ""
        )
    else:
        yield from map(named, itertools.islice(group.members, NAMED + 1))


def _strangers(mesh: Mesh, service: Service) -> Iterator[tuple[int, str, Delivery]]:
    """What becomes of clients that no inventory has, at each endpoint."""
    for number, ends in service.endpoints.items():
        for end in ends:
            if end.workload is not None:
                for who, identity in ((ANYBODY, None), (OTHERS, mesh.admissions.stranger)):
                    yield number, who, mesh.met_by(end.workload, end.port, identity)


def _what(delivery: Delivery) -> tuple[int, str]:
    """What gets in, and its rank: more comes first."""
    admission = delivery.admission
    if delivery.verdict is Verdict.BROKEN:
        by = f" by {access.deciders(admission)}" if admission is not None else ""
        return ORDER.index(KEPT_OUT), f"{KEPT_OUT}: {delivery.outcome}{by}"
    if delivery.verdict is Verdict.UNKNOWN:
        return ORDER.index(NOT_KNOWN), f"{NOT_KNOWN}: {delivery.reason}"
    if admission is not None and admission.allows is Allows.SOME:
        return 1, "; ".join(admission.decision.requests)
    return 0, f"every request, {delivery.transport or delivery.outcome}"


def _listed(names: list[str]) -> str:
    more = " and others" if len(names) > NAMED else ""
    return ", ".join(map(visible, names[:NAMED])) + more
