"""Each request and connection of the lab against what the model says policies make of it.

The model answers three times for one client and port: for each request by itself, for all of them
(`all`, `some`, `none`), and by witnesses of what is let in and of what is not. All of it meets the
wire.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import structs

from e2e import probes, tokens
from e2e.combinations.authorization import BEHIND, GATEWAY_PORT, SITE
from e2e.combinations.requests import HttpRequest
from e2e.combinations.shapes import BOARDS
from e2e.comparison import model, objects
from e2e.lab import Lab
from e2e.network import Pod
from e2e.objects import Port, Service
from e2e.outcomes import OK, UNAVAILABLE, Observation
from e2e.processes import every
from meshgate.mesh import Call, Mesh, Outcome, Transport, protocols
from meshgate.mesh.authorization import (
    Address,
    Allows,
    Authorization,
    Chain,
    Connection,
    Enforcer,
    Request,
    RequestJudgement,
    Server,
    Witness,
    outbound_server_name,
)
from meshgate.mesh.authorization.attributes import Kind
from meshgate.model import MeshFacts, Resource

# Seconds in which a request must be answered as the model says.
PATIENCE = 8.0
PAUSE = 0.25
# What HTTP/1.1 of Envoy takes for a method; others it answers with 400 before any policy.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
UNAUTHENTICATED = 401


class Answer(enum.StrEnum):
    """How a request or a connection ends."""

    OK_MTLS = "ok-mtls"
    OK_PLAINTEXT = "ok-plaintext"
    FORBIDDEN = "403"
    UNAUTHENTICATED = "401"
    RESET = "RBAC reset"
    REFUSED = "refused"
    OTHER = "other"


class Asked(NamedTuple):
    """One request, or a line over TCP (`request` None), and both answers.

    fault  what the model says of all requests that is not so of this one; empty: nothing
    """

    client: Pod
    host: str
    port: int
    request: HttpRequest | None
    expected: Answer
    seen: Answer
    detail: str
    fault: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the wire answered as the model."""
        return self.expected is self.seen and not self.fault

    def __str__(self) -> str:
        asked = str(self.request) if self.request is not None else "a line over TCP"
        told = self.fault or f"model {self.expected}, seen {self.seen} ({self.detail})"
        return f"{self.client} to {self.host}:{self.port}, {asked}: {told}"


class Question(NamedTuple):
    """A request to make, where, and how the model says that it ends.

    address  where the client connects to; empty: where the host's name leads
    """

    client: Pod
    host: str
    port: int
    request: HttpRequest | None
    expected: Answer
    fault: str = ""
    address: str = ""


def compare(lab: Lab, requests: Iterable[HttpRequest], facts: MeshFacts) -> list[Asked]:
    """Settle the lab, and ask all questions of it. What disagrees is asked again."""
    lab.settle()
    found = objects(lab)
    mesh = model(found, facts)
    asked = list(requests)
    questions = list(_questions(lab, mesh, asked))
    resources = [Resource.of(each) for each in found]
    if any(each.kind == "Gateway" for each in resources):
        questions += _through_gateway(lab, mesh, Authorization.of(resources, facts), asked)
    places = {
        (each.client, each.host, each.port, each.address) for each in questions if each.request
    }
    for client, host, port, address in sorted(places):
        # A connection of before may serve one request more.
        probes.ask(client, host, port, HttpRequest("GET", "/"), address)
    answers = [_ask(lab, each) for each in questions]
    for _ in every(PAUSE, PATIENCE):
        wrong = [number for number, each in enumerate(answers) if not each.agrees]
        if all(answers[number].fault for number in wrong):
            break
        for number in wrong:
            answers[number] = _ask(lab, questions[number])
    return answers


def _questions(lab: Lab, mesh: Mesh, requests: list[HttpRequest]) -> Iterator[Question]:
    """All of the calls between pods whose server has a sidecar."""
    calls = {
        (each.client.namespace, each.client.name, each.service.host, each.port.number): each
        for each in mesh.calls()
    }
    clients = [pod for pod in lab.pods if not pod.gateway]
    for client, service in itertools.product(clients, lab.services):
        is_enforced = len(service.pods) == 1 and service.pods[0].sidecar and not service.external
        if not is_enforced or client in service.pods:
            continue
        for port in service.ports:
            call = calls.get((client.namespace, client.name, service.host, port.number))
            if call is not None:
                yield from _of_call(client, service, port, call, requests)


def _of_call(
    client: Pod, service: Service, port: Port, call: Call, requests: list[HttpRequest]
) -> Iterator[Question]:
    protocol = call.port.protocol
    if protocol in {protocols.TCP, protocols.AUTO}:
        expected, fault = _judged(client, service, call, None)
        yield Question(client, service.host, port.number, None, expected, fault)
    # Upstream's Envoy does not tell the server what it found in a connection that it encrypts, as
    # Istio's own does by ALPN: the server of this lab takes it for bytes.
    is_sniffed = protocol == protocols.AUTO and call.transport is Transport.PLAINTEXT
    if protocol != protocols.HTTP and not is_sniffed:
        return
    if port.number == 8080 and service.address:
        asked = [*requests, *_witnesses(client, call)]
    else:
        asked = requests[:1]
    for request in {str(each): each for each in asked}.values():
        if not client.sidecar or _leads_to(service, request):
            expected, fault = _judged(client, service, call, request)
            yield Question(client, service.host, port.number, request, expected, fault)


def _leads_to(service: Service, request: HttpRequest) -> bool:
    """Whether a sidecar takes the request's host for this Service."""
    if not request.host:
        return True
    name = f"{service.name}.{service.namespace}"
    return not request.plain and request.host.lower().partition(":")[0] in {
        *(name, f"{name}.svc", service.host)
    }


def _judged(
    client: Pod, service: Service, call: Call, request: HttpRequest | None
) -> tuple[Answer, str]:
    """How the model says that a request ends, and where it contradicts itself."""
    admission = call.delivery.admission
    if admission is None:
        return _of_outcome(call.outcome), ""
    server = service.pods[0]
    connection = structs.replace(
        admission.connection,
        chain=Chain.HTTP if request is not None else Chain.TCP,
        source=Address.of(client.address),
        destination=Address.of(server.address),
    )
    asked = _request(request, f"{service.host}:{call.port.number}") if request is not None else None
    judged = admission.authorization.judge(admission.server, connection, asked)
    if judged.undecided:
        return Answer.OTHER, f"the model does not decide: {judged.undecided}"
    lets_in = judged.judgement is RequestJudgement.ALLOW
    fault = ""
    if admission.connection.chain is connection.chain and (
        (admission.allows is Allows.ALL and not lets_in)
        or (admission.allows is Allows.NONE and lets_in)
    ):
        fault = f"the model lets {admission.allows} in, and judges this as {judged.judgement}"
    if lets_in:
        return (Answer.OK_MTLS if connection.identity else Answer.OK_PLAINTEXT), fault
    return _denial(judged.judgement, request), fault


def _denial(judgement: RequestJudgement, request: HttpRequest | None) -> Answer:
    if request is None:
        return Answer.RESET
    is_unknown = judgement is RequestJudgement.UNAUTHENTICATED
    return Answer.UNAUTHENTICATED if is_unknown else Answer.FORBIDDEN


def _of_outcome(outcome: Outcome) -> Answer:
    try:
        return Answer(str(outcome))
    except ValueError:
        return Answer.OTHER


def _request(request: HttpRequest, host: str) -> Request:
    """The request as the model reads it."""
    headers = {name.lower(): value for name, value in request.headers}
    if request.token is not None:
        headers["authorization"] = f"Bearer {tokens.token(request.token)}"
    return Request(request.method, request.path, request.host or host, headers, request.token)


def _witnesses(client: Pod, call: Call) -> Iterator[HttpRequest]:
    """What the model gives as examples of what is let in and what is not, if it can be sent."""
    admission = call.delivery.admission
    if admission is None or admission.connection.chain is not Chain.HTTP:
        return
    for witness in (admission.decision.permitted, admission.decision.denied):
        if witness is not None and witness.request is not None:
            yield from _sendable(client, witness)


def _sendable(client: Pod, witness: Witness) -> Iterator[HttpRequest]:
    """The witness as a request of this client; nothing where it is of another address."""
    request = witness.request
    assert request is not None
    kinds = {attribute.kind for attribute in witness.bound}
    if kinds & {Kind.SOURCE_IP, Kind.DESTINATION_IP} or request.method not in METHODS - {"HEAD"}:
        return
    if request.token is not None and request.token.get("iss") not in {None, tokens.ISSUER}:
        return
    is_of_host = bool(kinds & {Kind.HOST, Kind.AUTHORITY})
    if is_of_host and client.sidecar:
        return
    headers = tuple(
        (name, value) for name, value in request.headers.items() if not name.startswith(":")
    )
    host = request.host if is_of_host else ""
    yield HttpRequest(request.method, request.path, host, headers, request.token)


def _ask(lab: Lab, question: Question) -> Asked:
    client, host, port, request, expected, fault, address = question
    if request is None:
        before = lab.denials()
        lab.wire.forget()
        observed = probes.over_tcp(client, host, port, lab.apps)
        # What nobody answered may still be on its way to whoever listens to the wire.
        sent = lab.wire.sent(client.address, 0.0)
        if observed.pod:
            tls = any(each.tls for each in sent)
            seen, detail = (Answer.OK_MTLS if tls else Answer.OK_PLAINTEXT), "answered"
        else:
            denied = lab.denials() > before
            seen, detail = (Answer.RESET if denied else Answer.REFUSED), "closed"
    else:
        answer = probes.ask(client, host, port, request, address)
        seen, detail = answered(answer), answer.text[:60] or str(answer.status)
    return Asked(client, host, port, request, expected, seen, detail, fault)


def answered(seen: Observation) -> Answer:
    """What an answer over HTTP means."""
    if seen.status == OK:
        return Answer.OK_MTLS if seen.identity else Answer.OK_PLAINTEXT
    if seen.denied:
        return Answer.FORBIDDEN
    if seen.status == UNAUTHENTICATED:
        return Answer.UNAUTHENTICATED
    return Answer.OTHER if seen.status and seen.status != UNAVAILABLE else Answer.REFUSED


def _through_gateway(
    lab: Lab, mesh: Mesh, authorization: Authorization, requests: list[HttpRequest]
) -> Iterator[Question]:
    """Requests of pods without a sidecar to the gateway, which leads them to `boards`."""
    gateway = next(pod for pod in lab.pods if pod.gateway)
    labels = {"app": gateway.name, "istio": gateway.name}
    place = Server(gateway.namespace, labels, Enforcer.GATEWAY)
    behind = next(
        each
        for each in mesh.calls()
        if (each.client.namespace, each.client.name) == (gateway.namespace, gateway.name)
        and (each.service.host, each.port.number) == (BOARDS, BEHIND)
    )
    for client in (pod for pod in lab.pods if not pod.gateway and not pod.sidecar):
        at_gateway = Connection(
            Chain.HTTP,
            GATEWAY_PORT,
            source=Address.of(client.address),
            destination=Address.of(gateway.address),
            trusts_headers=False,
        )
        for request in requests:
            sent = request._replace(host=SITE)
            judged = authorization.judge(place, at_gateway, _request(sent, SITE))
            if judged.judgement is RequestJudgement.ALLOW:
                expected = _behind(lab, gateway, client, behind, sent)
            else:
                expected = _denial(judged.judgement, sent)
            yield Question(client, SITE, GATEWAY_PORT, sent, expected, address=gateway.address)


def _behind(lab: Lab, gateway: Pod, client: Pod, call: Call, request: HttpRequest) -> Answer:
    """What becomes of a request that the gateway passes on."""
    admission = call.delivery.admission
    if admission is None:
        return _of_outcome(call.outcome)
    server = next(pod for pod in lab.pods if pod.name == "boards")
    connection = structs.replace(
        admission.connection,
        source=Address.of(gateway.address),
        destination=Address.of(server.address),
        sni=outbound_server_name(call.service.host, call.port.number),
    )
    read = _request(request, SITE)
    # The gateway adds the address of whoever connects to it.
    forwarded = [read.headers.get("x-forwarded-for"), client.address]
    headers = {**read.headers, "x-forwarded-for": ",".join(filter(None, forwarded))}
    asked = structs.replace(read, headers=headers)
    judged = admission.authorization.judge(admission.server, connection, asked)
    lets_in = judged.judgement is RequestJudgement.ALLOW
    return Answer.OK_MTLS if lets_in else _denial(judged.judgement, request)
