"""One host of a Kubernetes Service and a ServiceEntry: whose endpoints proxies get."""

from __future__ import annotations

import pytest
import yaml

from meshes import mesh
from meshgate.mesh import Mesh, Outcome

POLICIES = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-02T00:00:00Z"}
spec:
  clusterIP: CLUSTER_IP
  selector: {app: cart}
  ports: [{name: SERVICE_PORT, port: 8080}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cart, namespace: shop, creationTimestamp: "ENTRY"}
spec:
  hosts: [cart.shop.svc.cluster.local]
  ports: [{number: 8080, name: ENTRY_PORT, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.7}]
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: a, image: b, ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: b}]}
"""
OLDER, YOUNGER = "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"


def state(text: str) -> Mesh:
    return mesh(*yaml.safe_load_all(text))


def ends(**values: str) -> list[str]:
    """Where calls of a client with a sidecar end: workloads and addresses."""
    text = POLICIES
    for key, value in values.items():
        text = text.replace(key, value)
    shop = state(text)
    web = next(each for each in shop.workloads if each.name == "web")
    policy = shop.client_policy(web, "cart.shop.svc.cluster.local", 8080)
    reached = [each.endpoint for each in policy.deliveries if each.endpoint is not None]
    return sorted(end.workload.name if end.workload else str(end.address) for end in reached)


@pytest.mark.parametrize(
    ("entry", "expected"), [(YOUNGER, ["192.0.2.7"]), (OLDER, ["192.0.2.7", "cart"])]
)
def test_of_a_headless_service_the_youngest_writes_the_endpoints_of_a_port(
    entry: str, expected: list[str]
) -> None:
    reached = ends(CLUSTER_IP="None", SERVICE_PORT="http", ENTRY_PORT="http-web", ENTRY=entry)

    assert reached == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("http", ["192.0.2.7", "cart"]), ("http-web", ["cart"])]
)
def test_a_cluster_takes_endpoints_whose_port_has_its_name(name: str, expected: list[str]) -> None:
    reached = ends(CLUSTER_IP="10.0.0.9", SERVICE_PORT="http", ENTRY_PORT=name, ENTRY=YOUNGER)

    assert reached == expected


def test_bytes_that_are_no_http_fail_where_an_older_service_declares_http() -> None:
    text = POLICIES.split("---\napiVersion: networking", maxsplit=1)[0]
    rest = POLICIES.split("192.0.2.7}]\n", maxsplit=1)[1]
    older = text.replace("cart, namespace", "old, namespace").replace("-02T", "-01T")
    both = text.replace("SERVICE_PORT", "tcp") + "---" + older.replace("SERVICE_PORT", "http")
    shop = state((both + rest).replace("CLUSTER_IP", "10.0.0.9"))
    web = next(each for each in shop.workloads if each.name == "web")

    outcomes = {
        name: {
            each.outcome
            for each in shop.client_policy(web, f"{name}.shop.svc.cluster.local", 8080).deliveries
        }
        for name in ("cart", "old")
    }

    assert outcomes == {"cart": {Outcome.PROTOCOL_ERROR}, "old": {Outcome.OK_MTLS}}
