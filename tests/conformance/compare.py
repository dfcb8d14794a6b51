"""Compare the mesh model with cases that Istio's own code computed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from conformance.mismatch import Mismatch
from meshgate.mesh import ClientPolicy, DataPlane, Mesh, Transport, Workload
from meshgate.mesh.catalog import REVISION_LABEL
from meshgate.model import MeshFacts, Resource

Row = dict[str, Any]


class Tally(NamedTuple):
    """How many rows were compared."""

    cases: int = 0
    servers: int = 0
    calls: int = 0

    def plus(self, case: Row) -> Tally:
        """The tally with one more case."""
        expect = case["expect"]
        servers = self.servers + len(expect["server"])
        return Tally(self.cases + 1, servers, self.calls + len(expect["calls"]))


def cases(path: Path, wanted: Callable[[bytes], bool] = bool) -> Iterator[Row]:
    """The cases of a gzipped file of JSON lines: of those that are wanted, as the file has them."""
    yield from map(json.loads, filter(wanted, lines_of(path)))


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a gzipped file of cases, for who reads few of them."""
    with gzip.open(path) as lines:
        yield from lines


# What a row about a call is known by; several have the same where a server has several endpoints.
_CALL = ("clientNamespace", "clientWorkload", "host", "port", "namespace", "workload")
# What the names of the files begin with whose cases are about authorization.
ABOUT_AUTHORIZATION = ("authz-", "authorization.", "ztunnel.")


def transport_files(folder: Path) -> dict[str, Path]:
    """The files by name whose cases are about what is sent and accepted.

    The others are about authorization.
    """
    return {
        path.name.removesuffix(".jsonl.gz"): path
        for path in sorted(folder.glob("*.jsonl.gz"))
        if not path.name.startswith(ABOUT_AUTHORIZATION)
    }


def mesh_of(case: Row) -> Mesh:
    """The model of a case's objects and facts."""
    facts = case["mesh"]
    return Mesh(
        list(_of_its_control_plane(case)),
        MeshFacts(
            root_namespace=facts["rootNamespace"],
            cluster_domain=facts["clusterDomain"],
            enable_auto_mtls=facts["enableAutoMtls"],
            default_destination_rule_export_to=tuple(
                facts.get("defaultDestinationRuleExportTo", ["*"])
            ),
            revision=facts.get("revision", ""),
            discovery_selectors=tuple(facts.get("discoverySelectors", ())),
            data_plane=facts.get("dataPlane", "sidecar"),
            outbound_traffic_policy=facts.get("outboundTrafficPolicy", "ALLOW_ANY"),
        ),
    )


def _of_its_control_plane(case: Row) -> Iterator[Resource]:
    """The objects, where every proxy is one of the control plane that was asked.

    One without a revision reads every object, as if none had a label.
    """
    revision = case["mesh"].get("revision", "")
    for value in case["resources"]:
        resource = Resource.of(value)
        template = value.get("spec", {}).get("template", {})
        for part in (value, template):
            _label(part.get("metadata", {}).get("labels") or {}, revision)
        yield resource


def _label(labels: dict[str, str], revision: str) -> None:
    """Give a namespace or pods that are injected this revision; none: take the label away."""
    if not revision:
        labels.pop(REVISION_LABEL, None)
    elif labels.get("istio-injection") == "enabled":
        del labels["istio-injection"]
        labels[REVISION_LABEL] = revision
    elif labels.get("sidecar.istio.io/inject") == "true":
        labels[REVISION_LABEL] = revision


def compare(case: Row) -> Iterator[Mismatch]:
    """Every row of a case that the model answers differently."""
    comparison = Comparison(case, mesh_of(case))
    yield from comparison.workloads()
    yield from comparison.servers()
    yield from comparison.clients()
    yield from comparison.calls()
    yield from comparison.routes()
    yield from comparison.gateways()
    yield from comparison.aliases()


class Comparison:
    """One case against its model."""

    def __init__(self, case: Row, mesh: Mesh) -> None:
        self.case = case
        self.expect = case["expect"]
        self.mesh = mesh
        self.policies: dict[tuple[str, str, str, int], ClientPolicy] = {}

    def miss(self, what: str, expected: object, answered: object) -> Iterator[Mismatch]:
        """A mismatch where the two differ."""
        if expected != answered:
            yield Mismatch(self.case["id"], self.case.get("why", ""), what, expected, answered)

    def workloads(self) -> Iterator[Mismatch]:
        """Whether each workload has a sidecar."""
        for row in self.case["workloads"]:
            found = self.mesh.workload(row["namespace"], row["name"])
            if "plane" in row:
                yield from self.miss(f"data plane of {found}", row["plane"], found.plane)
            else:
                yield from self.miss(f"sidecar of {found}", row["sidecar"], found.has_sidecar)

    def servers(self) -> Iterator[Mismatch]:
        """What each server port enforces."""
        for row in self.expect["server"]:
            answer = self.mesh.server_mode(row["namespace"], row["workload"], row["port"])
            what = f"mode of {row['namespace']}/{row['workload']}:{row['port']}"
            yield from self.miss(what, (row["mode"], True), (answer.mode, answer.decided))

    def clients(self) -> Iterator[Mismatch]:
        """What each client sends to each service port and subset."""
        for row in self.expect["client"]:
            client = self.mesh.workload(row["clientNamespace"], row["clientWorkload"])
            answer = self.mesh.client_policy(client, row["host"], row["port"], row["subset"])
            if row["subset"] is None:
                self.policies[client.namespace, client.name, row["host"], row["port"]] = answer
            what = f"{client} to {row['host']}:{row['port']} subset {row['subset']}"
            rules = [f"{rule.namespace}/{rule.name}" for rule in answer.rules]
            yield from self.miss(f"rules of {what}", row["destinationRule"], rules)
            yield from self.miss(f"tls of {what}", row["tls"], answer.tls)
            yield from self.miss(f"cluster of {what}", row["discovery"], answer.discovery)
            yield from self.miss(
                f"endpoints of {what}", sorted(map(_sent, row["endpoints"])), _endpoints(answer)
            )
            yield from self.miss(f"decision on {what}", True, answer.decided)

    def calls(self) -> Iterator[Mismatch]:
        """What becomes of each call, at every port of the server that it may arrive at."""
        expected: dict[tuple[Any, ...], list[str]] = {}
        for row in self.expect["calls"]:
            expected.setdefault(tuple(row[key] for key in _CALL), []).append(row["outcome"])
        for call, outcomes in expected.items():
            from_namespace, from_name, host, port, namespace, name = call
            client = self.mesh.workload(from_namespace, from_name)
            server = self.mesh.workload(namespace, name)
            what = f"{client} to {server} by {host}:{port}"
            answered = self._outcomes(client, host, port, server)
            yield from self.miss(what, ", ".join(sorted(outcomes)), ", ".join(sorted(answered)))

    def routes(self) -> Iterator[Mismatch]:
        """Where requests for a service port may be routed to."""
        for row in self.expect.get("routes", ()):
            client = self.mesh.workload(row["clientNamespace"], row["clientWorkload"])
            found = self.mesh.routes(client, row["host"], row["port"])
            expected = {
                (each["host"], each["port"], each["subset"]) for each in row["destinations"]
            }
            what = f"routes of {client} to {row['host']}:{row['port']}"
            yield from self.miss(what, expected, {(e.host, e.port, e.subset) for e in found})

    def gateways(self) -> Iterator[Mismatch]:
        """What the listeners of gateways speak."""
        if "gateways" not in self.expect:
            return
        expected = sorted(
            (row["namespace"], row["workload"], row["port"], sorted(row["hosts"]), row["mode"])
            for row in self.expect["gateways"]
        )
        found = sorted(
            (each.namespace, each.name, chain.port, sorted(chain.names), chain.mode)
            for each in self.mesh.workloads
            if each.plane is DataPlane.GATEWAY
            for chain in self.mesh.gateway_chains(each)
        )
        yield from self.miss("chains of gateways", expected, found)

    def aliases(self) -> Iterator[Mismatch]:
        """Which service an ExternalName stands for."""
        for row in self.expect.get("aliases", ()):
            found = self.mesh.service(row["alias"], row["clientNamespace"]).host
            yield from self.miss(f"alias {row['alias']}", row["host"], found)

    def _outcomes(
        self, client: Workload, host: str | None, port: int, server: Workload
    ) -> list[str]:
        if host is None:
            assert client.plane is DataPlane.NONE
            return [self.mesh.receive(server, port, Transport.PLAINTEXT)[0]]
        answer = self.policies.get((client.namespace, client.name, host, port))
        if answer is None:
            answer = self.mesh.client_policy(client, host, port)
        return [
            delivery.outcome
            for delivery in answer.deliveries
            if delivery.endpoint is not None and delivery.endpoint.workload is server
        ]


def _endpoints(answer: ClientPolicy) -> list[tuple[object, ...]]:
    return sorted(
        (
            delivery.endpoint.workload.namespace if delivery.endpoint.workload else "",
            delivery.endpoint.workload.name if delivery.endpoint.workload else "",
            "" if delivery.endpoint.workload else str(delivery.endpoint.address),
            delivery.endpoint.port,
            str(delivery.transport),
        )
        for delivery in answer.deliveries
        if delivery.endpoint is not None
    )


def _sent(row: Row) -> tuple[object, ...]:
    return (
        row.get("namespace") or "",
        row.get("workload") or "",
        row.get("address") or "",
        row["targetPort"],
        row["transport"],
    )
