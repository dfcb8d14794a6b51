"""Calls that were seen, tried in one mesh."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from meshgate.effect.outcomes import WIRE, OutcomesByPort, SeenOutcome, unknown
from meshgate.mesh import (
    Allows,
    CallClass,
    Delivery,
    Mesh,
    Outcome,
    Service,
    ServicePort,
    Transport,
    Verdict,
    Workload,
    verdict,
)
from meshgate.model import SeenCall, SeenSecurity

# The gravest first: a call that fails at one endpoint of several fails.
GRAVITY = (Verdict.BROKEN, Verdict.UNKNOWN, Verdict.DEPENDS, Verdict.WORKS)

NOT_ROUTED = "no route of the client leads to the service"
NO_CLIENT = "neither the client is known nor what it will send"
DIRECT_TLS = "the workload was called without a service: no rule tells what the client will send"


class Replayer:
    """The seen calls of one mesh; what two of them share is worked out once."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._hosts: dict[str, Service] = {}
        for service in mesh.services:
            for host in (service.host, *service.aliases):
                # A Kubernetes Service wins over a ServiceEntry of its host, as in a cluster.
                if service.kubernetes or host not in self._hosts:
                    self._hosts[host] = service
        self._classes: dict[int, list[CallClass]] = {}
        self._sent: dict[tuple[int, int], dict[int, tuple[Delivery, ...]]] = {}

    def ends(self, call: SeenCall) -> OutcomesByPort:
        """How the call ends on each port that it may have called."""
        try:
            client = self._workload(call.client) if call.client else None
            if not call.host:
                return self._direct(call)
            service = self._service(client, call.host)
            ports = _ports(service, call)
        except LookupError as error:
            return OutcomesByPort(reason=error.args[0])
        return OutcomesByPort(
            {port.number: self._end(client, service, port, call) for port in ports},
            reason=f"{service.host} has no port that is called over TCP",
        )

    def host(self, call: SeenCall) -> str:
        """The full host that the call was made to. Raises LookupError."""
        return self._service(self._workload(call.client), call.host).host

    def taken(self, call: SeenCall, port: int) -> Verdict:
        """What becomes of bytes as they were seen, whatever the model says of the client."""
        wire = WIRE[call.security]
        try:
            if not call.host:
                server = self._workload(call.server)
                return verdict(self._mesh.receive(server, port, wire)[0], wire)
            service = self._service(None, call.host)
        except LookupError:
            return Verdict.UNKNOWN
        return _end(_at_server(self._received(service, port, wire), call), call).verdict

    def _workload(self, name: str) -> Workload:
        namespace, _, workload = name.partition("/")
        try:
            return self._mesh.workload(namespace, workload)
        except LookupError as error:
            raise LookupError(f"the inventory has no workload {name}") from error

    def _service(self, client: Workload | None, host: str) -> Service:
        if client is not None and client.is_proxied:
            try:
                return self._mesh.service(host, client.namespace)
            except LookupError:
                pass  # it may still be called, past the proxy's own list
        host_service = self._hosts.get(host)
        if host_service is None and client is not None:
            return self._mesh.service(host, client.namespace)
        if host_service is None:
            raise LookupError(f"the inventory has no service {host}")
        return host_service

    def _end(
        self, client: Workload | None, service: Service, port: ServicePort, call: SeenCall
    ) -> SeenOutcome:
        if client is not None:
            sent = self._sent_by(client, service).get(port.number)
            if sent is None:
                return self._beyond(client, service, port, call)
        elif call.security is SeenSecurity.NONE:
            sent = self._received(service, port.number, Transport.PLAINTEXT)
        else:
            return unknown(NO_CLIENT)
        return _end(_at_server(sent, call), call)

    def _sent_by(self, client: Workload, service: Service) -> dict[int, tuple[Delivery, ...]]:
        """What a client's class sends to each port of a service, on all its routes."""
        own = self._mesh.clients.class_of(client)
        if own is None:
            return {}
        key = id(own), id(service)
        sent = self._sent.get(key)
        if sent is None:
            classes = self._classes.get(id(service))
            if classes is None:
                classes = self._classes[id(service)] = list(self._mesh.call_classes([service]))
            sent = self._sent[key] = {}
            for each in classes:
                if each.clients.has(own):
                    number = each.port.number
                    sent[number] = (*sent.get(number, ()), *each.deliveries)
        return sent

    def _beyond(
        self, client: Workload, service: Service, port: ServicePort, call: SeenCall
    ) -> SeenOutcome:
        """A call that the client's proxy has no cluster for."""
        try:
            policy = self._mesh.client_policy(client, service.host, port.number)
        except LookupError as error:
            return unknown(error.args[0])
        if policy.discovery is not None:
            return unknown(NOT_ROUTED)
        return _end(_at_server(policy.deliveries, call), call)

    def _received(self, service: Service, port: int, wire: Transport) -> tuple[Delivery, ...]:
        """What becomes of bytes at each endpoint, from a client without a proxy."""
        received = []
        for endpoint in service.endpoints.get(port, ()):
            if endpoint.workload is None:
                where = f"the inventory does not tell what stands at {endpoint.address}"
                outcome, reason = Outcome.UNKNOWN, where
            else:
                outcome, reason = self._mesh.receive(endpoint.workload, endpoint.port, wire)
            received.append(Delivery(endpoint, wire, None, outcome, reason))
        return tuple(received)

    def _direct(self, call: SeenCall) -> OutcomesByPort:
        """A call of a workload's own address."""
        server = self._workload(call.server)
        ports = self._mesh.ports(server) if call.server_port is None else [call.server_port]
        if call.security is not SeenSecurity.NONE:
            return OutcomesByPort(reason=DIRECT_TLS)
        wire = Transport.PLAINTEXT
        ends = {}
        for port in ports:
            outcome, reason = self._mesh.receive(server, port, wire)
            ends[port] = SeenOutcome(verdict(outcome, wire), (outcome,), frozenset({wire}), reason)
        return OutcomesByPort(ends, reason=f"the inventory tells no port of {server}")


def _ports(service: Service, call: SeenCall) -> Sequence[ServicePort]:
    """The ports of the service that the call may have been made to. Raises LookupError."""
    if call.port is not None:
        port = service.port(call.port)
        if port is None:
            raise LookupError(f"{service.host} has no port {call.port}")
        return [port]
    if call.server_port is None:
        return service.ports
    ports = [
        port
        for port in service.ports
        if any(end.port == call.server_port for end in service.endpoints.get(port.number, ()))
    ]
    if not ports:
        raise LookupError(f"no port of {service.host} leads to port {call.server_port}")
    return ports


def _at_server(sent: Sequence[Delivery], call: SeenCall) -> Sequence[Delivery]:
    """The deliveries to the workload that answered, and those that reach nobody."""
    if not call.server:
        return sent
    return [
        each
        for each in sent
        if each.endpoint is None
        or (each.endpoint.workload is not None and str(each.endpoint.workload) == call.server)
    ]


def _end(sent: Sequence[Delivery], call: SeenCall) -> SeenOutcome:
    if not sent:
        what = call.server or "anything"
        return unknown(f"the inventory does not have {what} behind {call.host}")
    # A call that was answered took a route that ends somewhere, if there is one.
    ended = [each for each in sent if each.endpoint is not None] or sent
    answers = [each.alternatives or (each,) for each in ended]
    flat = list(itertools.chain.from_iterable(answers))
    return SeenOutcome(
        min((_verdict(each) for each in answers), key=GRAVITY.index),
        tuple(dict.fromkeys(each.outcome for each in flat)),
        frozenset(each.transport for each in flat if each.transport is not None),
        next(filter(None, map(_reason, ended)), ""),
        lost=len(sent) - len(ended),
    )


def _reason(sent: Delivery) -> str:
    """Why it is not known what becomes of a call that was seen."""
    if sent.admission is not None and sent.admission.allows is Allows.SOME:
        return "policies let some of its requests in, and no metric tells which it made"
    return sent.reason


def _verdict(answers: Sequence[Delivery]) -> Verdict:
    """What all orders of creation agree on."""
    verdicts = {each.verdict for each in answers}
    return verdicts.pop() if len(verdicts) == 1 else Verdict.UNKNOWN
