"""What NetworkPolicies leave undecided, or to others: nodes, refused policies, other addresses."""

from __future__ import annotations

from meshes import (
    Object,
    deployment,
    service,
    thing,
)
from meshgate.mesh import Outcome
from network_policy_cluster import (
    NAME,
    OPEN,
    SHUT,
    UNKNOWN,
    cluster,
    ends,
    from_,
    places,
    pods,
    policy,
    to,
)


def test_what_stands_in_the_network_of_a_node_is_left_to_the_plugin() -> None:
    node = deployment("job", "c", hostNetwork=True)
    nobody = policy("p", "b")
    it_alone = policy("p", "b", ingress=[from_({**places(), **pods(app="job")})])

    assert ends(cluster(node, nobody)) == {**SHUT, "c/job": Outcome.UNKNOWN}
    assert ends(cluster(node, it_alone)) == {**SHUT, "c/job": Outcome.UNKNOWN}
    assert ends(cluster(node, policy("p", "b", ingress=[{}]))) == OPEN
    model = cluster(node, nobody)
    (call,) = model.calls(model.workload("c", "job"))
    assert "c/job is in the network of its node" in call.reason
    on_host = deployment("cart", "b", hostNetwork=True)
    assert set(ends(cluster(on_host, nobody)).values()) == {Outcome.UNKNOWN}


def test_a_namespace_without_object_has_labels_that_nobody_knows() -> None:
    stranger = deployment(
        "far", "d", hostNetwork=False, annotations={"sidecar.istio.io/status": "x"}
    )
    stranger["spec"]["template"]["spec"]["containers"].append({"name": "istio-proxy"})
    by_label = policy("p", "b", ingress=[from_(places(team="red"))])
    by_name = policy("p", "b", ingress=[from_(places(**{NAME: "d"}))])

    assert ends(cluster(stranger, by_label))["d/far"] is Outcome.UNKNOWN
    assert ends(cluster(stranger, by_name))["d/far"] is not Outcome.BLOCKED
    assert ends(cluster(stranger, policy("p", "b")))["d/far"] is Outcome.BLOCKED


def test_labels_that_controllers_add_are_not_known() -> None:
    by_hash = policy("p", "b", ingress=[from_(pods(**{"pod-template-hash": "x"}))])

    assert ends(cluster(by_hash)) == {**SHUT, "b/web": Outcome.UNKNOWN}


def test_what_is_ignored_drops_nothing() -> None:
    model = cluster(policy("p", "b"), network_policies="ignored")

    assert ends(model) == OPEN
    assert [str(each) for each in model.packets.ignored] == ["NetworkPolicy b/p"]


def test_a_policy_that_the_api_server_refuses_leaves_its_pods_undecided() -> None:
    specs: list[Object] = [
        {"ingress": [from_({})]},
        {"ingress": [from_({"ipBlock": {"cidr": "10.0.0.0"}})]},
        {"ingress": [from_({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}})]},
        {"ingress": [from_({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}})]},
        {"ingress": [from_(ports=[{"port": "8080"}])]},
        {"ingress": [from_(ports=[{"port": 90, "endPort": 80}])]},
        {"ingress": [from_(ports=[{"endPort": 80}])]},
        {"ingress": [from_(ports=[{"port": "http", "endPort": 80}])]},
        {"ingress": [from_(ports=[{"port": 80, "protocol": "HTTP"}])]},
        {
            "ingress": [
                from_({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}})
            ]
        },
        {"policyTypes": ["Both"]},
        {"ingress": {}},
    ]
    for spec in specs:
        model = cluster(policy("p", "b", **spec))
        assert set(ends(model).values()) == {Outcome.UNKNOWN}, spec
        assert [each.covered for each in model.unread] == [("b/cart", "b/web")]


def test_policies_of_another_kind_may_let_in_what_is_dropped() -> None:
    other = thing(
        "policy.networking.k8s.io/v1alpha1",
        "AdminNetworkPolicy",
        "first",
        None,
        spec={"subject": {"namespaces": {}}, "ingress": [{"action": "Allow"}]},
    )

    assert ends(cluster(policy("p", "b"), other)) == UNKNOWN


def test_addresses_outside_the_cluster_are_judged_where_files_tell_them() -> None:
    def entry(address: str) -> Object:
        return thing(
            "networking.istio.io/v1",
            "ServiceEntry",
            "db",
            "a",
            spec={
                "hosts": ["db.example"],
                "ports": [{"number": 5432, "name": "tcp", "protocol": "TCP"}],
                "resolution": "STATIC",
                "endpoints": [{"address": address}],
            },
        )

    block = {"ipBlock": {"cidr": "192.0.2.0/24"}}
    out = policy("out", "a", policyTypes=["Egress"], egress=[to(block, {"podSelector": {}})])
    for address, outcome in (("192.0.2.7", Outcome.EXTERNAL), ("198.51.100.7", Outcome.BLOCKED)):
        model = cluster(out, entry(address))
        found = model.client_policy(model.workload("a", "ui"), "db.example", 5432)
        assert [each.outcome for each in found.deliveries] == [outcome]


def test_a_dual_stack_cluster_has_addresses_of_both_families() -> None:
    both = service("cart", "b", ipFamilies=["IPv4", "IPv6"])
    four, six = ({"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0"))

    assert ends(cluster(both, policy("p", "b", ingress=[from_(four)]))) == UNKNOWN
    assert ends(cluster(both, policy("p", "b", ingress=[from_(four, six)]))) == OPEN
