"""Every field of a modelled kind has a row, and what makes calls undecided does so."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    outcomes,
    service,
    shop,
)
from meshgate.mesh import Outcome
from meshgate.mesh.coverage import CoverageColumn
from meshgate.mesh.fields import FIELDS
from places import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"
INDEX = json.loads((SCHEMAS / "index.json").read_text("utf-8"))["kinds"]
VERSIONS = [name for name in INDEX if name.startswith("istio/")]
ISTIO_GROUPS = {"networking.istio.io", "security.istio.io"}
_NESTED = re.compile(r"^(?:subsets\.\[\]\.)?trafficPolicy\.(?:portLevelSettings\.\[\]\.)?")


def leaves(schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The paths of all values that a schema knows."""
    if schema.get("properties"):
        for name, below in schema["properties"].items():
            yield from leaves(below, (*path, name))
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from leaves(schema["additionalProperties"], (*path, "*"))
    elif isinstance(schema.get("items"), dict):
        yield from leaves(schema["items"], (*path, "[]"))
    else:
        yield ".".join(path)


def fields_of(kind: str) -> dict[str, set[str]]:
    """The fields of a kind by version of Istio; policies of subsets and ports as the rule's own."""
    found: dict[str, set[str]] = {}
    for version in VERSIONS:
        for entry in INDEX[version]:
            if entry["group"] in ISTIO_GROUPS and entry["kind"] == kind:
                text = (SCHEMAS / version / entry["file"]).read_text("utf-8")
                spec = json.loads(text)["properties"]["spec"]
                paths = set(leaves(spec, ()))
                if kind == "DestinationRule":
                    ports = {path for path in paths if path.endswith("].port.number")}
                    paths = {_NESTED.sub("trafficPolicy.", path) for path in paths - ports}
                    paths.add("trafficPolicy.portLevelSettings.[].port.number")
                found[version] = paths
    return found


@pytest.mark.parametrize("kind", FIELDS)
def test_every_field_of_the_crds_has_a_row(kind: str) -> None:
    known = {path for row in FIELDS[kind] for path in row.paths}
    by_version = fields_of(kind)
    assert by_version
    for version, paths in by_version.items():
        assert paths - known == set(), f"{kind} of {version} has fields that nobody looked at"
    assert known <= set().union(*by_version.values())


@pytest.mark.parametrize("kind", FIELDS)
def test_no_field_has_two_rows_and_what_is_not_read_has_a_reason(kind: str) -> None:
    counts = Counter(path for row in FIELDS[kind] for path in row.paths)
    assert [path for path, count in counts.items() if count > 1] == []
    for row in FIELDS[kind]:
        assert bool(row.about) is (row.column is not CoverageColumn.MODELLED)


def test_a_new_field_has_no_row() -> None:
    schema = {"properties": {"mtls": {"properties": {"mode": {}, "strength": {"type": "string"}}}}}
    known = {path for row in FIELDS["PeerAuthentication"] for path in row.paths}
    assert set(leaves(schema, ())) - known == {"mtls.strength"}


def rule(**policy: Any) -> Object:
    return destination_rule("d", "a", "cart.b.svc.cluster.local", trafficPolicy=policy)


MUTUAL = {"mode": "ISTIO_MUTUAL"}
NAMES = {"subjectAltNames": ["spiffe://cluster.local/ns/x/sa/y"]}
SUBSET = {"name": "v1", "labels": {"app": "cart"}}
# What leaves the calls of `a/ui` undecided, and what of the same kind does not.
CLIENTS: dict[str, tuple[Object, Object]] = {
    "tunnel": (rule(tunnel={"targetHost": "x", "targetPort": 80}), rule(tls=MUTUAL)),
    "proxyProtocol": (rule(proxyProtocol={"version": "V2"}), rule(retryBudget={"percent": 20})),
    "subjectAltNames": (rule(tls={**MUTUAL, **NAMES}), rule(tls={**MUTUAL, "sni": "x"})),
    "subjectAltNames of a port": (
        rule(portLevelSettings=[{"port": {"number": 80}, "tls": {**MUTUAL, **NAMES}}]),
        rule(portLevelSettings=[{"port": {"number": 81}, "tls": {**MUTUAL, **NAMES}}]),
    ),
    "egress captureMode": (
        istio("Sidecar", "s", "a", egress=[{"hosts": ["*/*"], "captureMode": "NONE"}]),
        istio("Sidecar", "s", "a", egress=[{"hosts": ["*/*"], "captureMode": "IPTABLES"}]),
    ),
    "egressProxy": (
        istio(
            "Sidecar",
            "s",
            ROOT,
            egress=[{"hosts": ["*/*"]}],
            outboundTrafficPolicy={"mode": "ALLOW_ANY", "egressProxy": {"host": "x"}},
        ),
        istio("Sidecar", "s", ROOT, outboundTrafficPolicy={"mode": "ALLOW_ANY"}),
    ),
}
INGRESS: Object = {"port": {"number": 8080, "protocol": "HTTP", "name": "h"}}
# The same of calls to `b/cart`.
SERVERS: dict[str, tuple[Object, Object]] = {
    "ingress captureMode": (
        istio("Sidecar", "s", "b", ingress=[{**INGRESS, "captureMode": "NONE"}]),
        # Its TLS is only read where a switch of istiod says so.
        istio("Sidecar", "s", "b", ingress=[{**INGRESS, "tls": {"mode": "SIMPLE"}}]),
    ),
    "ingress captureMode of other workloads": (
        istio("Sidecar", "s", "b", ingress=[{**INGRESS, "captureMode": "NONE"}]),
        istio(
            "Sidecar",
            "s",
            "b",
            workloadSelector={"labels": {"app": "other"}},
            ingress=[{**INGRESS, "captureMode": "NONE"}],
        ),
    ),
}


DECIDING = CLIENTS | SERVERS


@pytest.mark.parametrize("name", DECIDING)
def test_what_is_not_modelled_leaves_its_calls_undecided(name: str) -> None:
    deciding, harmless = DECIDING[name]
    model = shop(deciding)
    assert outcomes(model, "a/ui") == [Outcome.UNKNOWN]
    (call,) = model.calls(model.workload("a", "ui"))
    assert call.outcome is Outcome.UNKNOWN
    assert call.reason
    # Clients without a proxy have no rules, and bytes that no proxy sends no listeners.
    other = [Outcome.UNKNOWN] if name in SERVERS else [Outcome.OK_PLAINTEXT]
    assert outcomes(model, "a/old") == other
    assert outcomes(shop(harmless), "a/ui") == [Outcome.OK_MTLS]


def test_a_gateway_that_leads_to_https_is_no_plaintext_that_works() -> None:
    def edge(tls: Object) -> list[Outcome]:
        server = {
            "port": {"number": 80, "protocol": "HTTP", "name": "h"},
            "hosts": ["*"],
            **tls,
        }
        model = mesh(
            namespace("a", None),
            deployment("old", "a"),
            deployment("edge", "a", {"istio": "ingressgateway", "app": "edge"}, {"http": 80}),
            service("edge", "a", {"http:80": 80}),
            istio("Gateway", "g", "a", selector={"istio": "ingressgateway"}, servers=[server]),
        )
        return outcomes(model, "a/old", "edge.a")

    assert edge({}) == [Outcome.OK_PLAINTEXT]
    assert edge({"tls": {"httpsRedirect": True}}) == [Outcome.UNKNOWN]
