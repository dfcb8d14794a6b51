"""Whoever may try to get in at a workload: its callers, and clients that no inventory has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from meshgate.effect.strangers import ANYBODY, OTHERS
from meshgate.mesh import (
    Admission,
    Allows,
    DataPlane,
    Delivery,
    Mesh,
    Outcome,
    Request,
    Transport,
    Verdict,
    Workload,
)
from meshgate.mesh.authorization.strangers import (
    SOME_NAME,
    TooManyIdentitiesError,
    examples,
    rules_of,
)

OUTSIDE = "outside"
EVERYBODY = "*"


class Entrant(Struct, frozen=True):
    """Somebody at a port of a workload.

    who        in words
    namespace, account  empty: nothing is proven, and no workload is known
    is_outside  whether it has no proxy, or proves nothing
    admissions  what policies say of each connection that it may make, where it is no known client
    """

    who: str
    namespace: str
    account: str
    is_outside: bool
    workload: Workload
    port: int
    delivery: Delivery
    admissions: tuple[Admission, ...] = ()

    def is_one_of(self, parties: Collection[str]) -> bool:
        """Whether it is meant by any of these: NAMESPACE, NAMESPACE/sa/ACCOUNT, outside, `*`."""
        if EVERYBODY in parties or (self.is_outside and OUTSIDE in parties):
            return True
        return bool(self.namespace) and (
            self.namespace in parties or f"{self.namespace}/sa/{self.account}" in parties
        )

    @property
    def is_plaintext(self) -> bool:
        """Whether what it sends is not encrypted."""
        return self.delivery.transport is Transport.PLAINTEXT and not self.delivery.tunnel


class Admittance(Struct, frozen=True):
    """Whether a request gets in; None: it is not known, for `reason`."""

    gets_in: bool | None
    request: Request | None = None
    reason: str = ""


def entrants(
    mesh: Mesh, servers: Collection[tuple[Workload, int]], parties: Iterable[str]
) -> Iterator[Entrant]:
    """Everybody at these ports: callers as they call, and whoever has some identity or none.

    `parties` are asked for by name, whoever runs there. Raises TooManyIdentitiesError.
    """
    wanted = {(id(workload), port): (workload, port) for workload, port in servers}
    for call in mesh.call_classes():
        for delivery in call.deliveries:
            end = delivery.endpoint
            if end is None or (id(end.workload), end.port) not in wanted:
                continue
            place = wanted[id(end.workload), end.port]
            for client in call.clients.members:
                outside = client.plane is DataPlane.NONE
                own = client.namespace, client.service_account
                yield Entrant(str(client), *own, outside, *place, delivery)
    for workload, port in servers:
        for identity, who in identities(mesh, workload, port, parties).items():
            delivery = mesh.met_by(workload, port, identity)
            own = _parts(identity)
            over: tuple[Admission, ...] = ()
            if delivery.admission is not None:
                over = tuple(mesh.admissions.over(delivery, identity).values())
            yield Entrant(who, *own, identity is None, workload, port, delivery, over)
            if identity is not None:
                for sent in mesh.met_by_waypoint(workload, port, identity):
                    yield Entrant(who, *own, False, workload, port, sent)


def identities(
    mesh: Mesh, workload: Workload, port: int, parties: Iterable[str]
) -> dict[str | None, str]:
    """The identities to ask for at a port, each with who that is. Raises TooManyIdentitiesError."""
    domains = mesh.authorization.domains
    by_identity: dict[str | None, str] = {None: ANYBODY, mesh.admissions.stranger: OTHERS}
    for party in parties:
        namespace, _, account = party.partition("/sa/")
        if party not in {OUTSIDE, EVERYBODY}:
            name = f"{domains.names[0]}/ns/{namespace}/sa/{account or SOME_NAME}"
            by_identity.setdefault(name, _who(name))
    at_server = (
        mesh.admissions.rules(workload, port, chain)
        for chain in mesh.admissions.chains(workload, port)
    )
    for rules in (*at_server, *mesh.waypoint_rules(workload, port)):
        for name in examples(rules_of(rules), domains):
            by_identity.setdefault(name, _who(name))
    return by_identity


def entry(entrant: Entrant, method: str = "", path: str = "") -> Admittance:
    """Whether any request gets in, or one of this method and path; with one that does."""
    delivery = entrant.delivery
    answers = [
        _entry(each, entrant.admissions, method, path)
        for each in delivery.alternatives or (delivery,)
    ]
    if len({each.gets_in for each in answers}) > 1:
        return Admittance(None, reason=delivery.reason or "the order of creation decides")
    return answers[0]


def _entry(
    delivery: Delivery, admissions: tuple[Admission, ...], method: str, path: str
) -> Admittance:
    if delivery.outcome is Outcome.NO_ENDPOINT or delivery.verdict is Verdict.BROKEN:
        return Admittance(False)
    if not admissions and delivery.admission is not None:
        admissions = (delivery.admission,)
    # A client may choose what it speaks on a port whose protocol no file tells.
    answers = [_admitted(each, method, path) for each in admissions] or [
        Admittance(True, Request(method or "GET", path or "/", "server"))
    ]
    if all(each.gets_in is False for each in answers):
        return Admittance(False)
    by_policies = delivery.admission is not None and delivery.admission.allows is Allows.UNKNOWN
    # Whoever a gateway's own certificates let in is asked by policies.
    is_at_gateway = delivery.on_wire is Outcome.MTLS_USER_TERMINATED
    if delivery.outcome is Outcome.UNKNOWN and not (by_policies or is_at_gateway):
        return Admittance(None, reason=delivery.reason)
    return min(answers, key=_rank)


def _admitted(admission: Admission, method: str, path: str) -> Admittance:
    if admission.allows is Allows.UNKNOWN:
        return Admittance(None, reason=admission.reason)
    access = admission.decision.access
    asked = Request(method or "GET", path or "/", "server")
    if access is None:
        return Admittance(admission.allows is not Allows.NONE, asked)
    part = access.narrowed(method, path) if method or path else access
    first = part.first_permitted()
    return (
        Admittance(True, part.witness(first).request or asked)
        if first is not None
        else Admittance(False)
    )


def _rank(answer: Admittance) -> int:
    return (True, None, False).index(answer.gets_in)


def _parts(identity: str | None) -> tuple[str, str]:
    if identity is None:
        return "", ""
    _, _, namespace, _, account = identity.split("/")
    return namespace, account


def _who(identity: str) -> str:
    return f"whoever has the identity {identity.replace(SOME_NAME, EVERYBODY)}"


__all__ = ["Admittance", "Entrant", "TooManyIdentitiesError", "entrants", "entry"]
