"""Every call of the mesh model against what the client saw: one table, and what disagrees."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from e2e import probes
from e2e.lab import MARKER, Lab
from e2e.network import Pod
from e2e.objects import Port, Service
from e2e.outcomes import Expected, Observation, judged, told
from e2e.processes import every
from meshgate.mesh import Call, Mesh, Outcome, protocols
from meshgate.model import JSONObject, MeshFacts, Resource

# What decides a call.
KINDS = {
    "v1": ("namespaces", "services", "pods"),
    "security.istio.io/v1": (
        "peerauthentications",
        "authorizationpolicies",
        "requestauthentications",
    ),
    "networking.istio.io/v1": (
        "destinationrules",
        "virtualservices",
        "serviceentries",
        "sidecars",
        "gateways",
    ),
}

# Seconds in which a call must be seen as the model says: connections of before a change live on
# for some requests.
PATIENCE = 6.0
PAUSE = 0.25
# Seconds for which a call that failed is looked for on the wire.
LATE = 0.3
# How often a call is made that may end in several places, of which the proxy picks one.
SEVERAL = 8


class Row(NamedTuple):
    """One client and one service port; several outcomes where it has several endpoints."""

    client: Pod
    host: str
    port: int
    protocol: str
    expected: frozenset[Expected]
    seen: tuple[Observation, ...]
    # Its proxy keeps one connection to the Service's address, and with that one endpoint.
    kept: bool = False

    @property
    def outcomes(self) -> frozenset[Outcome]:
        """What was seen, in the model's words."""
        return frozenset(map(judged, self.seen))

    @property
    def agrees(self) -> bool:
        """Whether each outcome seen is one expected, and the other way round."""
        right = all(any(each.admits(seen) for each in self.expected) for seen in self.seen)
        return right and (
            self.kept or all(any(each.admits(seen) for seen in self.seen) for each in self.expected)
        )

    @property
    def told(self) -> str:
        """What was seen, in a few words."""
        return "; ".join(sorted(set(map(told, self.seen))))


class Target(NamedTuple):
    """A call to make, and how the model says it ends."""

    client: Pod
    service: Service
    port: Port
    protocol: str
    expected: frozenset[Expected]
    kept: bool = False


def objects(lab: Lab) -> list[JSONObject]:
    """What is in the cluster and decides calls, but for the lab's own marker."""
    return [each for each in lab.rest.objects(KINDS) if each["metadata"]["name"] != MARKER]


def model(found: Iterable[JSONObject], facts: MeshFacts) -> Mesh:
    """The mesh model of objects."""
    return Mesh([Resource.of(each) for each in found], facts)


def targets(mesh: Mesh, lab: Lab) -> list[Target]:
    """The calls between the lab's pods, but for those of a pod to itself: no wire carries them."""
    calls: dict[tuple[str, str, str, int, str | None], list[Call]] = {}
    for call in mesh.calls():
        key = (call.client.namespace, call.client.name, call.service.host, call.port.number)
        calls.setdefault((*key, call.subset), []).append(call)
    found = []
    # No program runs beside a gateway's proxy that could call.
    clients = [pod for pod in lab.pods if not pod.gateway]
    for pod, service in itertools.product(clients, lab.services):
        for port in service.ports if pod not in service.pods else ():
            ends = [
                call
                for each in _destinations(mesh, pod, service, port)
                for call in calls.get((pod.namespace, pod.name, *each), ())
            ]
            if any(_is_own(call, pod) for call in ends):
                continue
            passed = _passed(mesh, pod, service, port) if pod.sidecar else frozenset()
            called_for = frozenset(Expected(call.outcome, call.transport) for call in ends)
            expected = called_for or passed
            if expected:
                called = mesh.service(service.host, pod.namespace).port(port.number)
                protocol = called.protocol if called is not None else protocols.AUTO
                kept = bool(passed) and protocol == protocols.HTTP
                found.append(Target(pod, service, port, protocol, expected, kept))
    return found


def _passed(mesh: Mesh, pod: Pod, service: Service, port: Port) -> frozenset[Expected]:
    """How a call ends that the client's Sidecar resource leaves out; empty: it does not."""
    try:
        client = mesh.workload(pod.namespace, pod.name)
        policy = mesh.client_policy(client, service.host, port.number)
    except LookupError:
        return frozenset()
    if policy.discovery is not None:
        return frozenset()
    return frozenset(Expected(each.outcome, each.transport) for each in policy.deliveries)


def _is_own(call: Call, pod: Pod) -> bool:
    """Whether a call ends where it began, which no wire carries."""
    return call.endpoint is not None and call.endpoint.address == pod.address


def _destinations(
    mesh: Mesh, pod: Pod, service: Service, port: Port
) -> Iterable[tuple[str, int, str | None]]:
    """Where a call may go by VirtualServices, which only sidecars know."""
    if not pod.sidecar:
        return [(service.host, port.number, None)]
    client = mesh.workload(pod.namespace, pod.name)
    try:
        return mesh.routes(client, service.host, port.number)
    except LookupError:
        return []


def compare(lab: Lab, facts: MeshFacts | None = None) -> list[Row]:
    """Settle the lab, then make every call of the model. Rows that disagree are tried again."""
    lab.settle()
    mesh = model(objects(lab), facts or MeshFacts())
    listed = targets(mesh, lab)
    for target in listed:
        # A connection of before may serve one request more.
        _make(lab, target, target.protocol)
    rows = [_row(lab, target) for target in listed]
    for _ in every(PAUSE, PATIENCE):
        wrong = [number for number, row in enumerate(rows) if not row.agrees]
        if not wrong:
            break
        for number in wrong:
            rows[number] = _row(lab, listed[number])
    return rows


def _row(lab: Lab, target: Target) -> Row:
    pods = target.service.pods
    if len(pods) > 1 and not target.service.address:
        # The client of a headless Service picks the pod by its address.
        addresses = [pod.address for pod in pods]
    else:
        addresses = [""] * (SEVERAL if len(pods) > 1 or len(target.expected) > 1 else 1)
    kinds = [target.protocol]
    if target.protocol == protocols.AUTO and len(target.expected) > 1:
        # Routes of HTTP bind requests alone: the proxy looks at what the client sends.
        kinds = [protocols.HTTP, protocols.TCP]
    seen = tuple(_make(lab, target, kind, address) for kind in kinds for address in addresses)
    return Row(
        target.client,
        target.service.host,
        target.port.number,
        target.protocol,
        target.expected,
        seen,
        target.kept,
    )


def _make(lab: Lab, target: Target, protocol: str, address: str = "") -> Observation:
    client, host, number = target.client, target.service.host, target.port.number
    lab.wire.forget()
    # A line over TCP is closed without a word, and only the server's Envoy knows why.
    is_counted = protocol != protocols.HTTP and any(
        each.outcome is Outcome.DENIED for each in target.expected
    )
    denials = lab.denials() if is_counted else 0
    if protocol == protocols.HTTP:
        seen = probes.over_http(client, host, number, lab.apps, address)
    else:
        seen = probes.over_tcp(client, address or host, number, lab.apps)
    # What nobody answered may still be on its way to whoever listens to the wire.
    sent = lab.wire.sent(client.address, LATE if not seen.pod else 0.0)
    tls = any(each.tls for each in sent)
    return seen._replace(
        not_http=protocol == protocols.HTTP and not seen.pod and lab.wire.bad_request,
        sent=bool(sent) or bool(seen.pod),
        sent_tls=tls,
        denied=seen.denied or (is_counted and not seen.pod and lab.denials() > denials),
        # Where a server's sidecar passes requests on as bytes, it tells the application of no
        # client: on every port that is not declared to be HTTP.
        wire_tls=tls and target.protocol != protocols.HTTP,
    )


def table(rows: Sequence[Row]) -> str:
    """Rows as columns of text, for people."""
    lines = [("from", "to", "model", "seen", "")]
    for row in rows:
        expected = " or ".join(sorted(map(str, row.expected)))
        agrees = "" if row.agrees else "DISAGREES: " + ", ".join(sorted(row.outcomes))
        lines.append((str(row.client), f"{row.host}:{row.port}", expected, row.told, agrees))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join(
            [*(text.ljust(w) for text, w in zip(line, widths, strict=False)), line[4]]
        ).rstrip()
        for line in lines
    )
