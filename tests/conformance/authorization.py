"""Compare the authorization model with cases that Istio's own code computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.mismatch import Mismatch
from meshgate.mesh import DataPlane, Mesh, Outcome, Transport, Workload, protocols
from meshgate.mesh.authorization import (
    Address,
    Authorization,
    Chain,
    Connection,
    Enforcer,
    JudgedRequest,
    Request,
    RequestJudgement,
    Server,
    identity_of,
    outbound_server_name,
)
from meshgate.mesh.catalog import Catalog
from meshgate.model import ExtensionProvider, MeshFacts, Resource
from meshgate.schema.webhook import violations

Row = dict[str, Any]

ENFORCERS = {"sidecar": Enforcer.SIDECAR, "ambient": Enforcer.ZTUNNEL, "none": Enforcer.NONE}

MEMBERSHIP = {
    "sidecar": ("istio-injection", "enabled"),
    "ambient": ("istio.io/dataplane-mode", "ambient"),
}


class RequestTally(NamedTuple):
    """How much was compared."""

    cases: int = 0
    requests: int = 0

    def plus(self, case: Row) -> RequestTally:
        """The tally with one more case."""
        asked = sum(len(row["outcomes"]) for row in case["expect"]["asks"])
        return RequestTally(self.cases + 1, self.requests + asked)


class Answer(NamedTuple):
    """What the model says of one ask, as the cases write it."""

    transport: str
    sni: str
    chain: str
    outcomes: list[str]
    matched: list[list[str]]


def is_authorization(case: Row) -> bool:
    """Whether a case is about authorization."""
    return "asks" in case


def facts_of(case: Row) -> MeshFacts:
    """The facts of a case."""
    mesh = case["mesh"]
    return MeshFacts(
        root_namespace=mesh["rootNamespace"],
        cluster_domain=mesh["clusterDomain"],
        revision=mesh["revision"],
        trust_domain=mesh["trustDomain"],
        trust_domain_aliases=tuple(mesh.get("trustDomainAliases", ())),
        path_normalization=mesh.get("pathNormalization", "BASE"),
        extension_providers=tuple(
            ExtensionProvider(provider["name"], provider["kind"])
            for provider in mesh.get("extensionProviders", ())
        ),
    )


def resources_of(case: Row) -> list[Resource]:
    """The objects of a case.

    Which workloads have a sidecar is a fact there, also where no label of the namespace says so.
    """
    joined = {row["namespace"]: row["mode"] for row in case["workloads"] if row["mode"] != "none"}
    resources = [Resource.of(value) for value in case["resources"]]
    for resource in resources:
        if resource.kind == "Namespace" and resource.name in joined:
            label, value = MEMBERSHIP[joined[resource.name]]
            resource.metadata.setdefault("labels", {})[label] = value
    return resources


def compare_authorization(case: Row) -> Iterator[Mismatch]:
    """Every row of a case that the model answers differently."""
    comparison = Comparison(case)
    expect = case["expect"]
    yield from comparison.miss("dropped", expect["dropped"], comparison.dropped())
    rules = expect["rules"]
    for index, (ask, row) in enumerate(zip(case["asks"], expect["asks"], strict=True)):
        what = f"ask {index}: {_name(ask['client'])} to {_name(ask['server'])}:{ask['port']}"
        matched = row.get("matched") or [[]] * len(row["outcomes"])
        expected = Answer(
            row["transport"],
            row.get("sni", ""),
            row.get("chain", ""),
            row["outcomes"],
            [sorted(rules[number] for number in numbers) for numbers in matched],
        )
        answered = comparison.answer(ask)
        for field, wanted, given in zip(Answer._fields, expected, answered, strict=True):
            yield from comparison.miss(f"{field} of {what}", wanted, given)


class Comparison:
    """One case against its model."""

    def __init__(self, case: Row) -> None:
        self.case = case
        self.facts = facts_of(case)
        self.resources = resources_of(case)
        self.rejected = [
            resource
            for resource in self.resources
            if resource.kind == "AuthorizationPolicy" and any(violations(resource))
        ]
        self.mesh = Mesh(self.resources, self.facts)
        self.authorization = Authorization.of(self.resources, self.facts, self.rejected)
        self.rows = {(row["namespace"], row["name"]): row for row in case["workloads"]}

    def miss(self, what: str, expected: object, answered: object) -> Iterator[Mismatch]:
        """A mismatch where the two differ."""
        if expected != answered:
            yield Mismatch(self.case["id"], self.case.get("why", ""), what, expected, answered)

    def dropped(self) -> list[str]:
        """The policies that have no effect, with the reason."""
        rejected = [f"{resource.kind} {_full(resource)}: rejected" for resource in self.rejected]
        hidden = [
            f"{hidden.resource.kind} {_full(hidden.resource)}: other revision"
            for hidden in Catalog(self.resources, self.facts).hidden
            if hidden.resource.kind == "AuthorizationPolicy"
            and hidden.resource not in self.rejected
        ]
        return sorted(rejected + hidden)

    def answer(self, ask: Row) -> Answer:
        """What the model says of an ask."""
        client, server = self._workload(ask["client"]), self._workload(ask["server"])
        transport = self._transport(ask, client, server)
        row = self.rows[client.namespace, client.name]
        requests = [Request(**_request(self.case["requests"][i])) for i in ask.get("requests", ())]
        asked: list[Request | None] = [*requests] or [None]
        sni = ""
        if transport == Transport.MTLS:
            sni = outbound_server_name(ask["host"], ask["servicePort"])
        identity = None
        if transport != Transport.PLAINTEXT:
            domain = row.get("trustDomain", self.facts.trust_domain)
            identity = identity_of(domain, client.namespace, row["serviceAccount"])
        chain = self._chain(ask, server)
        if server.plane is DataPlane.SIDECAR:
            outcome, _ = self.mesh.receive(server, ask["port"], Transport(transport))
            foreign = identity is not None and not self.authorization.domains.trusts(identity)
            if outcome is Outcome.REFUSED or foreign:
                return Answer(transport, sni, "", ["refused"] * len(asked), [[]] * len(asked))
            if chain is Chain.HTTP and ask["protocol"] == "tcp":
                return Answer(transport, sni, "", ["protocol-error"], [[]])
        connection = Connection(
            chain,
            ask["port"],
            identity,
            source=Address.of(row["ip"]),
            destination=Address.of(self.rows[server.namespace, server.name]["ip"]),
            sni=sni,
        )
        place = Server(
            server.namespace,
            server.labels,
            ENFORCERS[self.rows[server.namespace, server.name]["mode"]],
        )
        judged = [self.authorization.judge(place, connection, request) for request in asked]
        return Answer(
            transport,
            sni,
            str(chain),
            [str(answer.judgement) for answer in judged],
            [_matched(answer, chain) for answer in judged],
        )

    def _workload(self, name: Row) -> Workload:
        return self.mesh.workload(name["namespace"], name["name"])

    def _transport(self, ask: Row, client: Workload, server: Workload) -> str:
        if client.plane is DataPlane.AMBIENT and server.plane is DataPlane.AMBIENT:
            return "hbone"
        if "host" not in ask:
            return str(Transport.PLAINTEXT)
        policy = self.mesh.client_policy(client, ask["host"], ask["servicePort"])
        for delivery in policy.deliveries:
            if delivery.endpoint is not None and delivery.endpoint.workload is server:
                return str(delivery.transport)
        raise AssertionError(f"no delivery from {client} to {server}")

    def _chain(self, ask: Row, server: Workload) -> Chain:
        if server.plane is DataPlane.AMBIENT:
            return Chain.ZTUNNEL
        protocol = self.mesh.protocol_at(server, ask["port"])
        if protocol == protocols.AUTO:
            return Chain(ask["protocol"])
        return Chain.HTTP if protocol == protocols.HTTP else Chain.TCP


def _matched(judged: JudgedRequest, chain: Chain) -> list[str]:
    if judged.judgement is RequestJudgement.UNAUTHENTICATED:
        # Its token is refused before any policy is asked.
        return []
    if chain is Chain.ZTUNNEL:
        return sorted({*map(str, (rule.policy for rule in judged.rules)), *judged.peer_policies})
    return sorted(f"{rule.policy}#{rule.index}" for rule in judged.rules)


def _request(row: Row) -> Row:
    return {
        "method": row["method"],
        "path": row["path"],
        "host": row["host"],
        "headers": row.get("headers", {}),
        "token": row.get("jwt"),
    }


def _name(name: Row) -> str:
    return f"{name['namespace']}/{name['name']}"


def _full(resource: Resource) -> str:
    return f"{resource.namespace}/{resource.name}"
