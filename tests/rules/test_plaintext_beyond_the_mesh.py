"""Each way out that SE003 and VS007 state is taken, and nothing is reported any more."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable
from typing import Any

import pytest

from meshes import Object, destination_rule, istio, shop_inventory
from meshgate.mesh import Mesh
from meshgate.model import Environment, MeshFacts, OutsideHost, Resource, ResourceIndex
from meshgate.rules.context import Context
from meshgate.rules.rule import Rule, Violation
from meshgate.rules.se003_plaintext_beyond_the_mesh import RULE as SE003
from meshgate.rules.vs007_redirect_to_plaintext import RULE as VS007

HOST = "rates.example.com"
PORT: Object = {"number": 80, "name": "http", "protocol": "HTTP"}
TODAY = datetime.date(2026, 11, 1)


def entry(*ports: Object, **fields: Any) -> Object:
    own = {"hosts": [HOST], "resolution": "DNS", "ports": list(ports), **fields}
    return istio("ServiceEntry", "rates", "a", **own)


def found(
    rule: Rule, *objects: Object, outside: tuple[str, ...] = (), **facts: Any
) -> list[Violation]:
    resources = [Resource.of(copy.deepcopy(each)) for each in (*shop_inventory(), *objects)]
    named = tuple(OutsideHost(host=host, reason="on purpose") for host in outside)
    environment = Environment(name="prod", mesh=MeshFacts(outside=named, **facts))
    mesh = Mesh(resources, environment.mesh)
    context = Context(
        environment, ResourceIndex(resources), TODAY, mesh=mesh, rendered=tuple(resources)
    )
    return list(rule.check(context))


LED: Object = istio(
    "VirtualService", "cart", "a", hosts=["cart.b.svc.cluster.local"],
    http=[{"route": [{"destination": {"host": HOST, "port": {"number": 80}}}]}],
)  # fmt: skip
WAYS: dict[str, Callable[[], tuple[Object, ...]]] = {
    "a port that is declared HTTP": lambda: (entry(PORT),),
    "a port that is declared TCP": lambda: (entry({**PORT, "protocol": "TCP"}),),
    "a database's protocol": lambda: (entry({**PORT, "protocol": "MYSQL"}),),
    "no protocol": lambda: (entry({"number": 80, "name": "any"}),),
    "an address that is said to be in the mesh": lambda: (
        entry(PORT, location="MESH_INTERNAL", resolution="STATIC",
              endpoints=[{"address": "203.0.113.7"}]),
    ),
    "a name of the cluster's domain": lambda: (entry(PORT, hosts=["evil.b.svc.cluster.local"]),),
    "the caller's own address": lambda: (entry(PORT, resolution="NONE"),),
    "a route of another service": lambda: (entry(PORT), LED),
    "a rule with DISABLE": lambda: (entry(PORT), destination_rule("r", "a", HOST, "DISABLE")),
    "a rule for another host": lambda: (
        entry(PORT), destination_rule("r", "a", "other.example.com", "SIMPLE"),
    ),
    "a rule of a namespace that nobody asks": lambda: (
        entry(PORT), destination_rule("r", "c", HOST, "SIMPLE", exportTo=["."]),
    ),
    "TLS in a subset that nobody calls": lambda: (
        entry(PORT),
        destination_rule("r", "a", HOST, subsets=[
            {"name": "x", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}]),
    ),
    "TLS on another port": lambda: (
        entry(PORT),
        destination_rule("r", "a", HOST, trafficPolicy={"portLevelSettings": [
            {"port": {"number": 443}, "tls": {"mode": "SIMPLE"}}]}),
    ),
    "a secret of the root namespace's rule": lambda: (
        entry(PORT),
        destination_rule("r", "istio-system", HOST, trafficPolicy={
            "tls": {"mode": "SIMPLE", "credentialName": "x"}}),
    ),
}  # fmt: skip
ALLOWED = (HOST, "evil.b.svc.cluster.local")


@pytest.mark.parametrize("way", WAYS)
def test_every_way_out_in_plaintext_is_found_and_named_hosts_are_not(way: str) -> None:
    objects = WAYS[way]()

    (violation,) = found(SE003, *objects)

    assert "a/ui" in violation.message
    assert "a/old" not in violation.message  # it has no proxy
    assert found(SE003, *objects, outside=ALLOWED) == []


@pytest.mark.parametrize("way", WAYS)
def test_it_is_gone_where_proxies_originate_tls(way: str) -> None:
    port = [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}]
    own = [each for each in WAYS[way]() if each["kind"] != "DestinationRule"]
    host = own[0]["spec"]["hosts"][0]
    repair = destination_rule("repair", "a", host, trafficPolicy={"portLevelSettings": port})

    left = found(SE003, *own, repair)

    # Clients of other namespaces get the rule too; only a private host's clients do not.
    assert left == []


@pytest.mark.parametrize("protocol", ["TLS", "HTTPS"])
def test_it_is_gone_where_the_application_brings_tls(protocol: str) -> None:
    assert found(SE003, entry({**PORT, "protocol": protocol})) == []


@pytest.mark.parametrize("mode", ["SIMPLE", "MUTUAL"])
def test_a_rule_that_originates_is_no_fault(mode: str) -> None:
    assert found(SE003, entry(PORT), destination_rule("r", "a", HOST, mode)) == []


def redirect(**fields: Any) -> Object:
    return istio(
        "VirtualService", "cart", "a", hosts=["cart.b.svc.cluster.local"],
        http=[{"redirect": {"authority": HOST, **fields}}],
    )  # fmt: skip


def test_a_redirect_is_found_until_one_of_its_ways_out_is_taken() -> None:
    (violation,) = found(VS007, redirect())
    assert HOST in violation.message
    assert len(found(VS007, redirect(scheme="http"))) == 1
    assert found(VS007, redirect(scheme="https")) == []
    assert found(VS007, redirect(), outside=(HOST,)) == []
    assert found(VS007, redirect(), outbound_traffic_policy="REGISTRY_ONLY") == []
    opened = istio("Sidecar", "open", "a", outboundTrafficPolicy={"mode": "ALLOW_ANY"})
    assert len(found(VS007, redirect(), opened, outbound_traffic_policy="REGISTRY_ONLY")) == 1
    # The host of a ServiceEntry is called as SE003 says.
    assert found(VS007, redirect(), entry(PORT)) == []
    assert len(found(SE003, redirect(), entry(PORT))) == 1
