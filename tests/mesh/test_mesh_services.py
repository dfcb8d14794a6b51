"""Services, their endpoints and hosts: Kubernetes, ServiceEntry, WorkloadEntry, ExternalName."""

from __future__ import annotations

import pytest

from meshes import (
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    outcomes,
    peer_authentication,
    service,
    shop,
    thing,
)
from meshgate.mesh import Discovery, MeshMembership, Mode, Outcome, Transport, protocols
from meshgate.mesh.hosts import HostIndex, expand, is_address, is_subset, overlap


@pytest.mark.parametrize(
    ("host", "expanded"),
    [
        ("cart", "cart.a.svc.example"),
        ("cart.b", "cart.b"),
        ("*", "*"),
        ("*.b.svc.example", "*.b.svc.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("", ""),
        ("*cart", "*cart.a.svc.example"),
    ],
)
def test_a_host_without_dot_is_short(host: str, expanded: str) -> None:
    assert expand(host, "a", "example") == expanded


def test_hosts_and_wildcards() -> None:
    assert is_subset("x.a.b", "*.a.b")
    assert not is_subset("a.b", "*.a.b")
    assert is_subset("*.x.a.b", "*.a.b")
    assert not is_subset("*.a.b", "x.a.b")
    assert overlap("*.a.b", "x.a.b")
    assert not overlap("*.a.b", "a.b")
    assert is_address("fe80::1")
    assert not is_address("cart")


def test_the_most_specific_host_is_found() -> None:
    index: HostIndex[str] = HostIndex()
    for host in ("*", "*.local", "*.b.svc.cluster.local", "cart.b.svc.cluster.local", "*art.local"):
        index[host] = host
    assert list(index.covering("cart.b.svc.cluster.local")) == [
        "cart.b.svc.cluster.local",
        "*.b.svc.cluster.local",
        "*.local",
        "*",
    ]
    assert index.most_specific("cart.local") == "*art.local"
    assert index.most_specific("*.b.svc.cluster.local") == "*.b.svc.cluster.local"
    assert index.most_specific("*.x.local") == "*.local"
    assert dict(index.items())["*"] == "*"
    assert index.get("nobody") is None


@pytest.mark.parametrize(
    ("number", "name", "transport", "app_protocol", "family"),
    [
        (80, "http", "TCP", None, protocols.HTTP),
        (80, "http2-web", "TCP", None, protocols.HTTP),
        (80, "grpc-web-x", "TCP", None, protocols.HTTP),
        (80, "GRPC", "TCP", None, protocols.HTTP),
        (80, "https-x", "TCP", None, protocols.TLS),
        (80, "mysql", "TCP", None, protocols.TCP),
        (80, "web", "TCP", None, protocols.AUTO),
        (3306, "web", "TCP", None, protocols.TCP),
        (53, "dns", "UDP", None, protocols.UDP),
        (80, "tcp", "TCP", "http", protocols.HTTP),
        (80, "tcp", "TCP", "kubernetes.io/h2c", protocols.HTTP),
        (80, "tcp", "TCP", "kubernetes.io/wss", protocols.TLS),
        (80, "udp-x", "TCP", None, protocols.UDP),
    ],
)
def test_protocols(
    number: int, name: str, transport: str, app_protocol: str | None, family: str
) -> None:
    assert protocols.of_service_port(number, name, transport, app_protocol) == family


@pytest.mark.parametrize("name", ["cart", "cart.b", "cart.b.svc", "cart.b.svc.cluster.local"])
def test_a_client_may_call_a_service_by_any_of_its_names(name: str) -> None:
    if name == "cart":
        with pytest.raises(LookupError, match="no service cart for clients in namespace a"):
            shop().service(name, "a")
    else:
        assert shop().service(name, "a").host == "cart.b.svc.cluster.local"
    assert shop().service(name, "b").host == "cart.b.svc.cluster.local"


def test_another_cluster_domain() -> None:
    model = shop(destination_rule("r", "b", "cart", "DISABLE"), cluster_domain="corp.example")
    assert model.service("cart.b", "a").host == "cart.b.svc.corp.example"
    assert outcomes(model, "a/ui") == [Outcome.OK_PLAINTEXT]


def test_external_name_is_an_alias() -> None:
    def alias(name: str, target: str) -> dict[str, object]:
        spec = {"type": "ExternalName", "externalName": target}
        return thing("v1", "Service", name, "a", spec=spec)

    model = shop(
        alias("basket", "cart.b.svc.cluster.local"),
        alias("trolley", "basket.a.svc.cluster.local"),
        alias("loop", "loop.a.svc.cluster.local"),
    )
    assert model.service("basket", "a").host == "cart.b.svc.cluster.local"
    assert model.service("trolley", "a").aliases == (
        "basket.a.svc.cluster.local",
        "trolley.a.svc.cluster.local",
    )
    with pytest.raises(LookupError):
        model.service("loop", "a")
    assert [each.name for each in model.services] == ["cart"]


def test_a_service_may_be_exported_to_some_namespaces() -> None:
    hidden = service("vault", "b", annotations={"networking.istio.io/exportTo": "., x"})
    model = shop(hidden, deployment("vault", "b"))
    with pytest.raises(LookupError):
        model.service("vault.b", "a")
    assert model.service("vault", "b").export_to == {".", "x"}
    vault = next(each for each in model.services if each.name == "vault")
    counted = {
        (str(each.clients.plane), each.hidden): each.clients.namespaces
        for each in model.call_classes([vault])
    }
    assert counted == {("sidecar", False): ["b"], ("sidecar", True): ["a"], ("none", False): ["a"]}
    nobody = service("void", "b", annotations={"networking.istio.io/exportTo": "~"})
    with pytest.raises(LookupError):
        shop(nobody).service("void", "b")


def entry(name: str, *, place: str = "a", **spec: object) -> dict[str, object]:
    fields = {
        "hosts": ["pay.example"],
        "ports": [{"number": 443, "name": "http", "protocol": "HTTP"}],
    }
    return istio("ServiceEntry", name, place, **{**fields, **spec})


def test_an_external_host_is_external_whatever_is_sent() -> None:
    for resolution in ("NONE", "DNS", "STATIC"):
        endpoints = [{"address": "10.9.9.9"}] if resolution == "STATIC" else []
        model = shop(
            entry("pay", resolution=resolution, endpoints=endpoints),
            destination_rule("pay", "a", "pay.example", "SIMPLE"),
        )
        client = model.workload("a", "ui")
        (delivery,) = model.client_policy(client, "pay.example", 443).deliveries
        assert (delivery.transport, delivery.outcome) == (Transport.TLS, Outcome.EXTERNAL)


def test_a_name_without_endpoint_has_no_cluster() -> None:
    model = shop(
        entry("pay", resolution="DNS", workloadSelector={"labels": {"app": "nobody"}}),
    )
    answer = model.client_policy(model.workload("a", "ui"), "pay.example", 443)
    assert answer.discovery is Discovery.NO_CLUSTER
    assert [each.outcome for each in answer.deliveries] == [Outcome.NO_CLUSTER]


def test_a_static_entry_takes_addresses_only() -> None:
    endpoints = [{"address": "vm.example"}, {"address": "10.9.9.9", "ports": {"http": 8443}}]
    model = shop(entry("pay", resolution="STATIC", endpoints=endpoints))
    (endpoint,) = model.service("pay.example", "a").endpoints[443]
    assert (endpoint.address, endpoint.port) == ("10.9.9.9", 8443)


def test_an_entry_may_select_pods_and_workload_entries() -> None:
    machine = istio(
        "WorkloadEntry", "vm", "b", address="10.9.9.9", labels={"app": "cart"}, serviceAccount="vm"
    )
    selecting = entry(
        "internal",
        place="b",
        location="MESH_INTERNAL",
        resolution="STATIC",
        workloadSelector={"labels": {"app": "cart"}},
        ports=[{"number": 443, "name": "http", "protocol": "HTTP", "targetPort": 8080}],
    )
    model = shop(machine, selecting, peer_authentication("m", "istio-system", "STRICT"))
    found = model.service("pay.example", "a").endpoints[443]
    assert [(each.workload.name, each.port) for each in found if each.workload] == [
        ("cart", 8080),
        ("vm", 8080),
    ]
    assert outcomes(model, "a/ui", "pay.example", 443) == [Outcome.OK_MTLS, Outcome.OK_MTLS]
    # A Service with a cluster address selects machines too; a headless one does not.
    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS, Outcome.OK_MTLS]
    headless = shop(machine, service("cart", "b", clusterIP="None"))
    assert outcomes(headless, "a/ui") == [Outcome.OK_MTLS]


def test_a_machine_has_a_sidecar_by_label_or_service_account() -> None:
    def machine(name: str, **spec: object) -> dict[str, object]:
        return istio("WorkloadEntry", name, "b", address="10.9.9.9", **spec)

    model = shop(
        machine("plain"),
        machine("account", serviceAccount="x"),
        machine("label", labels={"security.istio.io/tlsMode": "istio"}),
        machine("off", serviceAccount="x", labels={"security.istio.io/tlsMode": "disabled"}),
    )
    planes = {
        each.name: str(each.plane) for each in model.workloads if each.kind == "WorkloadEntry"
    }
    assert planes == {
        "plain": "unknown",
        "account": "sidecar",
        "label": "sidecar",
        "off": "none",
    }
    assert model.clients.class_of(model.workload("b", "plain")) is None
    assert model.clients.class_of(model.workload("b", "account")) is not None
    assert model.server_mode("b", "account", 80).mode is Mode.PERMISSIVE


def test_one_host_in_several_namespaces() -> None:
    """The own namespace's comes first, then the oldest."""
    model = shop(
        entry("young", place="x", age=2, resolution="STATIC", endpoints=[{"address": "10.0.0.2"}]),
        entry("old", place="y", age=1, resolution="STATIC", endpoints=[{"address": "10.0.0.1"}]),
        entry("own", place="b", age=3, resolution="STATIC", endpoints=[{"address": "10.0.0.3"}]),
    )
    assert model.service("pay.example", "a").name == "old"
    assert model.service("pay.example", "b").name == "own"
    assert model.service("pay.example", "x").name == "young"


def test_two_entries_with_one_host_in_one_namespace_share_ports_and_endpoints() -> None:
    more = [{"number": 80, "name": "web", "protocol": "HTTP"}]
    model = shop(
        entry("one", age=1, resolution="STATIC", endpoints=[{"address": "10.0.0.1"}]),
        entry("two", age=2, resolution="STATIC", endpoints=[{"address": "10.0.0.2"}], ports=more),
    )
    found = model.service("pay.example", "a")
    assert found.name == "one"
    assert [port.number for port in found.ports] == [443, 80]
    assert [each.address for each in found.endpoints[80]] == ["10.0.0.2"]


def test_a_kubernetes_service_wins_over_an_entry_of_its_host() -> None:
    squatter = entry("squat", place="x", hosts=["cart.b.svc.cluster.local"], age=1)
    model = shop(squatter)
    assert model.service("cart.b", "a").kubernetes
    # The squatter's own namespace takes its own.
    assert not model.service("cart.b.svc.cluster.local", "x").kubernetes


def test_a_service_without_selector_is_unknown_until_its_endpoints_are_listed() -> None:
    spec = {"ports": [{"name": "tcp", "port": 5432}]}
    bare = thing("v1", "Service", "db", "b", spec=spec)
    assert outcomes(shop(bare), "a/ui", "db.b", 5432) == [Outcome.UNKNOWN]
    assert shop(bare).membership(shop(bare).service("db", "b")) is MeshMembership.UNKNOWN
    slices = thing(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "db-1",
        "b",
        labels={"kubernetes.io/service-name": "db"},
        ports=[{"name": "tcp", "port": 5432}],
        endpoints=[{"addresses": ["10.7.7.7"]}],
    )
    listed = thing(
        "v1",
        "Endpoints",
        "db",
        "b",
        subsets=[{"addresses": [{"ip": "10.7.7.7"}], "ports": [{"name": "tcp", "port": 5432}]}],
    )
    for known in (slices, listed):
        model = shop(bare, known)
        assert outcomes(model, "a/ui", "db.b", 5432) == [Outcome.OK_PLAINTEXT]
        assert model.membership(model.service("db", "b")) is MeshMembership.OUTSIDE


def test_a_listed_endpoint_may_be_a_pod() -> None:
    spec = {"ports": [{"name": "http", "port": 80}]}
    slices = thing(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "s-1",
        "b",
        labels={"kubernetes.io/service-name": "s"},
        ports=[{"name": "http", "port": 8080}],
        endpoints=[{"addresses": ["10.7.7.7"], "targetRef": {"kind": "Pod", "name": "lone"}}],
    )
    lone = thing("v1", "Pod", "lone", "b", labels={"app": "lone"}, spec={"containers": []})
    model = shop(thing("v1", "Service", "s", "b", spec=spec), slices, lone)
    assert outcomes(model, "a/ui", "s.b") == [Outcome.OK_MTLS]


def test_the_api_server_and_declared_hosts_are_outside() -> None:
    spec = {"ports": [{"name": "https", "port": 443, "targetPort": 6443}]}
    api = thing("v1", "Service", "kubernetes", "default", spec=spec)
    wide = destination_rule("wide", "istio-system", "*.local", "ISTIO_MUTUAL")
    model = shop(api, wide)
    found = model.service("kubernetes.default", "a")
    assert model.is_outside(found)
    client = model.workload("a", "ui")
    (delivery,) = model.client_policy(client, "kubernetes.default", 443).deliveries
    assert delivery.endpoint is not None
    assert (delivery.endpoint.port, delivery.transport) == (6443, Transport.MTLS)
    assert delivery.outcome is Outcome.TLS_TO_APP
    assert outcomes(shop(api), "a/ui", "kubernetes.default", 443) == [Outcome.OK_PLAINTEXT]


def test_standing_tells_what_is_behind_a_service() -> None:
    bare = {"app": "cart", "sidecar.istio.io/inject": "false"}
    model = shop(deployment("cart-v2", "b", bare), service("old", "a"), service("ghost", "a"))
    assert model.membership(model.service("cart", "b")) is MeshMembership.MIXED
    assert model.membership(model.service("old", "a")) is MeshMembership.OUTSIDE
    assert model.membership(model.service("ghost", "a")) is MeshMembership.UNKNOWN
    assert outcomes(model, "a/ui", "ghost") == [Outcome.NO_ENDPOINT]
    assert shop().membership(shop().service("cart", "b")) is MeshMembership.MESH


def test_named_target_ports_leave_out_pods_that_lack_them() -> None:
    model = mesh(
        namespace("b"),
        deployment("v1", "b", {"app": "cart"}, {"web": 8080}),
        deployment("v2", "b", {"app": "cart"}, {"other": 8080}),
        service("cart", "b", {"http:80": "web"}),
    )
    found = model.service("cart", "b").endpoints[80]
    assert [(each.workload.name, each.port) for each in found if each.workload] == [("v1", 8080)]


def test_a_tls_mode_label_counts_and_not_the_sidecar() -> None:
    off = {"app": "cart", "security.istio.io/tlsMode": "disabled"}
    model = shop(deployment("cart", "b", off), peer_authentication("m", "istio-system", "STRICT"))
    assert outcomes(model, "a/ui") == [Outcome.REFUSED]
