"""Which clients get in at a service port, by what identity, with a request as witness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshgate.effect.codec import request as request_json
from meshgate.effect.describe import named, request
from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.mesh import (
    Allows,
    Delivery,
    Outcome,
    Request,
    Service,
    ServicePort,
    Transport,
    Verdict,
    Workload,
)
from meshgate.model import JSONObject
from meshgate.report import Options, access, formats, packets
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.markdown import cell_code, prose, row
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.report.view import View
from meshgate.wording import plural

HEADINGS = (
    Column("gets in"),
    Column("clients"),
    Column("identity", soft=True, spare=1),
    Column("requests", soft=True),
    Column("witness", spare=2),
)
COLUMNS = tuple(heading.heading for heading in HEADINGS)
STYLES = {Allows.ALL: "green", Allows.SOME: "yellow", Allows.NONE: "red", Allows.UNKNOWN: "yellow"}
# Those who get in come first.
ORDER = (Allows.ALL, Allows.SOME, Allows.UNKNOWN, Allows.NONE)
# How many clients a line names before it only counts them.
NAMED = 3
NO_IDENTITY = "none"


class RequestFilter(NamedTuple):
    """The requests in question; empty: any."""

    method: str = ""
    path: str = ""
    host: str = ""
    # Names in lower case.
    headers: tuple[tuple[str, str], ...] = ()


class AccessQuestion(NamedTuple):
    """One port of one service in one mesh."""

    view: View
    service: Service
    port: ServicePort
    wanted: RequestFilter


class AccessAnswer(NamedTuple):
    """Clients that are treated alike at one endpoint.

    label      what they are where they are no workloads of the inventory
    delivery   what one of them sends, and what becomes of it
    """

    clients: tuple[Workload, ...]
    label: str
    delivery: Delivery
    allows: Allows
    requests: tuple[str, ...]
    witness: Request | None
    reason: str

    @property
    def who(self) -> str:
        """The clients in a few words."""
        if self.label:
            return self.label
        if len(self.clients) <= NAMED:
            return ", ".join(map(named, self.clients))
        namespaces = sorted({client.namespace for client in self.clients})
        where = namespaces[0] if len(namespaces) == 1 else f"{len(namespaces)} namespaces"
        return f"{len(self.clients)} workloads in {where}"


def answers(asked: AccessQuestion) -> list[AccessAnswer]:
    """Who gets in, and who does not; those who get in first."""
    groups: dict[object, tuple[list[Workload], Delivery]] = {}
    for call in asked.view.mesh.call_classes([asked.service]):
        if call.port.number != asked.port.number or not call.clients.count:
            continue
        for delivery in call.deliveries:
            key = (*delivery[1:5], delivery.admission, delivery.blocking)
            known = groups.setdefault(key, ([], delivery))[0]
            known += call.clients.members
    every = [
        _answer(asked, _distinct(clients), "", delivery) for clients, delivery in groups.values()
    ]
    every += _strangers(asked)
    return sorted(every, key=lambda each: (ORDER.index(each.allows), bool(each.label)))


def text(questions: Sequence[AccessQuestion], options: Options) -> str:
    """For each port a table, those who get in first."""
    style = Style(color=options.color)
    lines: list[str] = []
    for asked in questions:
        lines += [style("bold", plain(title(asked))), ""]
        given = answers(asked)
        rows = [
            [
                Cell(each.allows, STYLES[each.allows]),
                Cell(plain(each.who)),
                Cell(plain(identity(each))),
                Cell(plain(_requests(each))),
                Cell(plain(request(each.witness)) if each.witness is not None else ""),
            ]
            for each in given
        ]
        lines += table(HEADINGS, rows, style, options.width)
        lines.append("")
        reasons = dict.fromkeys(each.reason for each in given if each.reason)
        for reason in reasons:
            lines += wrap(plain(f"unknown: {reason}."), options.width)
        lines += wrap(f"{tally(given)}.", options.width)
        lines += [
            line for sentence in strangers(given) for line in wrap(plain(sentence), options.width)
        ]
        lines.append("")
    return page(lines[:-1])


def json(questions: Sequence[AccessQuestion], _options: Options) -> str:
    """`{"version", "answers"}`."""
    return document(version=VERSION, answers=Rows(map(_as_json, questions)))


def markdown(questions: Sequence[AccessQuestion], _options: Options) -> str:
    """One table for each port."""
    parts = []
    for asked in questions:
        lines = [row(COLUMNS), row(["---"] * len(COLUMNS))]
        for each in answers(asked):
            witness = cell_code(request(each.witness)) if each.witness is not None else ""
            cells = (each.allows, each.who, identity(each), _requests(each))
            lines.append(row([*map(prose, cells), witness]))
        parts.append(f"### {prose(title(asked))}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


FORMATS = formats.of(text, json, markdown)


def title(asked: AccessQuestion) -> str:
    """The heading: the service port and the requests that access is asked for."""
    where = f" in {asked.view.environment}" if asked.view.environment else ""
    method, path, host, headers = asked.wanted
    parts = [method, path, f"with Host {host}" if host else ""]
    parts += [f"with {name}: {value}" for name, value in headers]
    what = " ".join(filter(None, parts))
    return f"who can call {asked.service.host}:{asked.port.number}{where}" + (
        f" ({what})" if what else ""
    )


def identity(each: AccessAnswer) -> str:
    """The identity by which they get in, where all of them have the same."""
    admission = each.delivery.admission
    if each.delivery.transport in {None, Transport.PLAINTEXT, Transport.TLS} or (
        admission is not None and admission.connection.identity is None
    ):
        return NO_IDENTITY
    accounts = {(client.namespace, client.service_account) for client in each.clients}
    if len(accounts) == 1:
        (namespace, account) = next(iter(accounts))
        return f"ns/{namespace}/sa/{account}"
    return f"{len(accounts)} service accounts" if accounts else "some other"


def tally(given: Sequence[AccessAnswer]) -> str:
    """How many workloads get in."""
    counts = {
        allows: sum(len(each.clients) for each in given if each.allows is allows)
        for allows in Allows
    }
    sentence = f"{plural(counts[Allows.ALL], 'workload')} in for every request"
    sentence += f", {counts[Allows.SOME]} for some, {counts[Allows.NONE]} kept out"
    return sentence + (f", {counts[Allows.UNKNOWN]} not known" if counts[Allows.UNKNOWN] else "")


IN_WORDS = {
    Allows.ALL: "gets in for every request",
    Allows.SOME: "gets in for some requests",
    Allows.NONE: "is kept out",
    Allows.UNKNOWN: "may get in: it is not known",
}


def strangers(entries: Sequence[AccessAnswer]) -> list[str]:
    """What becomes of whoever is in no inventory, a sentence each."""
    return [f"{each.who.capitalize()} {IN_WORDS[each.allows]}." for each in entries if each.label]


def _requests(each: AccessAnswer) -> str:
    if each.allows is Allows.NONE:
        admission, blocking = each.delivery.admission, each.delivery.blocking
        if blocking is not None:
            return f"blocked {packets.describe(blocking)}"
        if admission is not None:
            return f"denied by {access.deciders(admission)}"
        return str(each.delivery.outcome)
    return "; ".join(each.requests)


def _answer(
    asked: AccessQuestion, clients: tuple[Workload, ...], label: str, delivery: Delivery
) -> AccessAnswer:
    admission = delivery.admission
    allows, witness, reason = _transport(delivery), None, delivery.reason
    is_known = allows in {Allows.ALL, Allows.SOME}
    requests: tuple[str, ...] = ("all",) if is_known else ()
    is_open = admission is not None and admission.is_of_authorizer and delivery.is_only_admitted
    if admission is not None and (allows is not Allows.UNKNOWN or is_open):
        allows, requests = admission.allows, admission.decision.requests
        permitted = admission.decision.permitted
        witness = permitted.request if permitted is not None else None
        within = admission.decision.access
        reason = admission.reason or admission.decision.left_open
        if within is not None and any(asked.wanted) and (allows is not Allows.NONE or is_open):
            part = within.narrowed(*asked.wanted)
            certain = part.certain().first_permitted()
            first, denied = part.first_permitted(), part.first_denied()
            witness = part.witness(certain or first).request if first is not None else None
            allows = Allows.NONE if first is None else Allows.SOME if denied else Allows.ALL
            if part.asked:
                allows = Allows.UNKNOWN if certain is None else Allows.SOME
            else:
                reason = ""
    if allows not in {Allows.UNKNOWN, Allows.SOME}:
        reason = ""
    return AccessAnswer(clients, label, delivery, allows, requests, witness, reason)


def _transport(delivery: Delivery) -> Allows:
    """Whether anything gets in as far as the transport goes."""
    match delivery.verdict:
        case Verdict.WORKS:
            return Allows.ALL
        case Verdict.BROKEN:
            return Allows.NONE
        case Verdict.DEPENDS if delivery.admission is not None:
            return Allows.SOME
        case _ if delivery.on_wire is Outcome.MTLS_USER_TERMINATED:
            # A gateway ends TLS with certificates of its own.
            return Allows.ALL
        case _:
            return Allows.NONE if delivery.outcome is Outcome.NO_ENDPOINT else Allows.UNKNOWN


def _strangers(asked: AccessQuestion) -> Iterator[AccessAnswer]:
    """Who is in no inventory: without identity, and with one that no file names."""
    mesh = asked.view.mesh
    distinct: dict[object, AccessAnswer] = {}
    for endpoint in asked.service.endpoints.get(asked.port.number, ()):
        if endpoint.workload is None:
            continue
        for label, proven in ((ANYBODY, None), (OTHERS, mesh.admissions.stranger)):
            delivery = mesh.met_by(endpoint.workload, endpoint.port, proven)
            answer = _answer(asked, (), label, delivery)
            distinct.setdefault((label, *delivery[1:5], delivery.admission), answer)
        if mesh.enrolment(asked.service) is None:
            continue
        label = f"{OTHERS}, by way of the waypoint"
        stranger = mesh.admissions.stranger
        for delivery in mesh.met_by_waypoint(endpoint.workload, endpoint.port, stranger):
            answer = _answer(asked, (), label, delivery)
            distinct.setdefault((label, *delivery[1:5], delivery.admission), answer)
    yield from distinct.values()


def _distinct(clients: Sequence[Workload]) -> tuple[Workload, ...]:
    return tuple({id(client): client for client in clients}.values())


def _as_json(asked: AccessQuestion) -> JSONObject:
    return {
        "environment": asked.view.environment,
        "host": asked.service.host,
        "port": asked.port.number,
        "method": asked.wanted.method or None,
        "path": asked.wanted.path or None,
        "requestHost": asked.wanted.host or None,
        "headers": dict(asked.wanted.headers),
        "clients": [
            {
                "clients": [
                    {
                        "namespace": client.namespace,
                        "workload": client.name,
                        "serviceAccount": client.service_account,
                    }
                    for client in each.clients
                ],
                "stranger": each.label or None,
                "transport": each.delivery.transport,
                "identity": identity(each),
                "allows": each.allows,
                "requests": list(each.requests),
                "witness": request_json(each.witness),
                "outcome": each.delivery.outcome,
                "reason": each.reason,
                "authorization": access.as_json(asked.view, each.delivery),
                "blocked": packets.as_json(asked.view, each.delivery.blocking),
            }
            for each in answers(asked)
        ],
    }
