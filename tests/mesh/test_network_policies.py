"""What NetworkPolicies let through: their words, and what is on the wire."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brute_network_policies import Pod, connects
from examples import examples
from meshes import (
    Object,
    deployment,
    mesh,
    namespace,
    outcomes,
    peer_authentication,
    service,
    thing,
)
from meshgate.effect import CallChange, Effect, effect
from meshgate.effect.verdicts import Change
from meshgate.mesh import Direction, Mesh, Outcome, Verdict
from meshgate.report import Options, calls, posture
from meshgate.report.explain import page as explain
from meshgate.report.explain.explanation import CallExplanation
from meshgate.report.view import View
from meshgate.yamldoc.reading import documents
from random_network_policies import APPS, NAMESPACES, TEAMS, network_policies

MODERATE = examples(30)


def policy(name: str, place: str, **spec: Any) -> Object:
    own = {"podSelector": {}, **spec}
    return thing("networking.k8s.io/v1", "NetworkPolicy", name, place, spec=own)


def from_(*peers: Object, ports: list[Object] | None = None) -> Object:
    rule: Object = {"from": list(peers)} if peers else {}
    return {**rule, "ports": ports} if ports is not None else rule


def to(*peers: Object, ports: list[Object] | None = None) -> Object:
    rule: Object = {"to": list(peers)} if peers else {}
    return {**rule, "ports": ports} if ports is not None else rule


def pods(**labels: str) -> Object:
    return {"podSelector": {"matchLabels": labels}}


def places(**labels: str) -> Object:
    return {"namespaceSelector": {"matchLabels": labels}}


def cluster(*others: Object, plane: str = "sidecar", **facts: Any) -> Mesh:
    """a/ui and c/job call b/cart; b/web is a neighbour of b/cart."""
    ambient = {"istio.io/dataplane-mode": "ambient"} if plane == "ambient" else {}
    injection = "enabled" if plane == "sidecar" else None
    own = [
        namespace("a", injection, team="red", **ambient),
        namespace("b", injection, team="blue", **ambient),
        namespace("c", None),
        deployment("ui", "a"),
        deployment("cart", "b"),
        deployment("web", "b"),
        deployment("job", "c"),
        service("cart", "b"),
    ]
    if ambient:
        facts["data_plane"] = "ambient"
    return mesh(*own, *others, **facts)


def ends(model: Mesh) -> dict[str, Outcome]:
    """How each client's calls to b/cart end."""
    return {
        str(client): outcome
        for client in model.workloads
        for outcome in outcomes(model, str(client))
        if str(client) != "b/cart"
    }


OPEN = {"a/ui": Outcome.OK_MTLS, "b/web": Outcome.OK_MTLS, "c/job": Outcome.OK_PLAINTEXT}
SHUT = dict.fromkeys(OPEN, Outcome.BLOCKED)
UNKNOWN = dict.fromkeys(OPEN, Outcome.UNKNOWN)
NAME = "kubernetes.io/metadata.name"
A_AND_WEB = {**OPEN, "c/job": Outcome.BLOCKED}
ONLY_A = {**SHUT, "a/ui": Outcome.OK_MTLS}
ONLY_WEB = {**SHUT, "b/web": Outcome.OK_MTLS}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # An empty list, and none, let nothing in; an empty rule lets everything in.
        ({}, SHUT),
        ({"ingress": []}, SHUT),
        ({"ingress": [{}]}, OPEN),
        ({"ingress": [{"from": [], "ports": []}]}, OPEN),
        # Without policyTypes: Ingress, and Egress where there are egress rules.
        ({"egress": []}, SHUT),
        ({"policyTypes": ["Egress"]}, {**OPEN, "b/web": Outcome.BLOCKED}),
        ({"policyTypes": ["Egress"], "ingress": []}, {**OPEN, "b/web": Outcome.BLOCKED}),
        ({"egress": [{}], "ingress": [{}]}, OPEN),
        # Selectors.
        ({"podSelector": {"matchLabels": {"app": "web"}}}, OPEN),
        ({"podSelector": {"matchLabels": {"app": "cart"}}}, SHUT),
        ({"ingress": [from_(pods(app="web"))]}, ONLY_WEB),
        ({"ingress": [from_({"podSelector": {}})]}, ONLY_WEB),
        ({"ingress": [from_(pods(app="ui"))]}, SHUT),
        ({"ingress": [from_({**places(), **pods(app="ui")})]}, ONLY_A),
        ({"ingress": [from_(places(team="red"))]}, ONLY_A),
        ({"ingress": [from_(places(**{NAME: "a"}), pods(app="web"))]}, A_AND_WEB),
        ({"ingress": [from_({**places(team="red"), **pods(app="web")})]}, SHUT),
        ({"ingress": [from_({"namespaceSelector": {}})]}, OPEN),
        # Ports: those of the container, by number, range and name.
        ({"ingress": [from_(ports=[{"port": 8080}])]}, OPEN),
        ({"ingress": [from_(ports=[{"port": 80}])]}, SHUT),
        ({"ingress": [from_(ports=[{"port": 80, "endPort": 8080}])]}, OPEN),
        ({"ingress": [from_(ports=[{"port": "http"}])]}, OPEN),
        ({"ingress": [from_(ports=[{"port": "https"}])]}, SHUT),
        ({"ingress": [from_(ports=[{"port": 8080, "protocol": "UDP"}])]}, SHUT),
        ({"ingress": [from_(ports=[{"protocol": "TCP"}])]}, OPEN),
        ({"ingress": [from_(ports=[{"port": 8080}]), from_(pods(app="web"))]}, OPEN),
        ({"ingress": [from_(pods(app="web"), ports=[{"port": 80}])]}, SHUT),
        # Addresses of pods are not in files.
        ({"ingress": [from_({"ipBlock": {"cidr": "10.0.0.0/8"}})]}, UNKNOWN),
        ({"ingress": [from_({"ipBlock": {"cidr": "0.0.0.0/0"}})]}, OPEN),
        ({"ingress": [from_({"ipBlock": {"cidr": "169.254.7.127/32"}})]}, SHUT),
        ({"ingress": [from_({"ipBlock": {"cidr": "::/0"}})]}, SHUT),
        (
            {
                "ingress": [
                    from_({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}),
                    from_({"ipBlock": {"cidr": "10.0.0.0/8"}}),
                ]
            },
            OPEN,
        ),
        (
            {"ingress": [from_({"ipBlock": {"cidr": "10.0.0.0/8"}}, pods(app="web"))]},
            {**UNKNOWN, "b/web": Outcome.OK_MTLS},
        ),
        ({"ingress": [from_({"ipBlock": {"cidr": "10.0.0.0/8"}}, ports=[{"port": 1}])]}, SHUT),
    ],
)
def test_what_a_policy_of_the_server_lets_in(spec: Object, expected: dict[str, Outcome]) -> None:
    assert ends(cluster(policy("p", "b", **spec))) == expected


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ([], Outcome.BLOCKED),
        ([{}], Outcome.OK_MTLS),
        ([to(places(team="blue"))], Outcome.OK_MTLS),
        ([to(places(team="red"))], Outcome.BLOCKED),
        ([to(pods(app="cart"))], Outcome.BLOCKED),
        (
            [to({**places(team="blue"), **pods(app="cart")}, ports=[{"port": "http"}])],
            Outcome.OK_MTLS,
        ),
        ([to(ports=[{"port": 80}])], Outcome.BLOCKED),
        ([to(ports=[{"port": 53, "protocol": "UDP"}])], Outcome.BLOCKED),
        ([to({"ipBlock": {"cidr": "10.0.0.0/8"}})], Outcome.UNKNOWN),
        (
            [to({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}})],
            Outcome.OK_MTLS,
        ),
    ],
)
def test_what_a_policy_of_the_client_lets_out(rules: list[Object], outcome: Outcome) -> None:
    model = cluster(policy("out", "a", policyTypes=["Egress"], egress=rules))

    assert ends(model) == {**OPEN, "a/ui": outcome}


def test_clients_of_one_namespace_are_told_apart_by_their_labels() -> None:
    """a/ui and a/late differ in what rules ask for alone, and so do b/web and b/cart."""
    late = deployment("late", "a", {"app": "late", "tier": "front"})
    late["spec"]["replicas"] = 2
    not_in = {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}
    absent = policy("p", "b", ingress=[from_({**places(), "podSelector": not_in})])
    front = policy("p", "b", ingress=[from_({**places(), **pods(tier="front")})])

    for allow, let_in in ((absent, {"a/ui": True, "a/late": False}), (front, {"a/late": True})):
        model = cluster(late, allow)
        called = {
            str(call.client): call.outcome is not Outcome.BLOCKED
            for call in model.calls(services=[model.service("cart", "b")])
        }
        assert called["a/ui"] is let_in.get("a/ui", False)
        assert called["a/late"] is let_in["a/late"]


def test_one_of_many_isolated_clients_is_let_out() -> None:
    """Those whose rules name the server are told apart from all others that are shut in."""
    shut = [policy(f"shut-{place}", place, policyTypes=["Egress"]) for place in "ab"]
    out = policy("out", "a", policyTypes=["Egress"], egress=[to(places(team="blue"))])
    model = cluster(*shut, out)
    called = {str(call.client): call.outcome for call in model.calls()}

    assert (called["a/ui"], called["b/web"]) == (Outcome.OK_MTLS, Outcome.BLOCKED)


def test_policies_add_up_and_both_ends_must_agree() -> None:
    deny = policy("deny", "b")
    allow = policy("allow", "b", ingress=[from_(places(team="red"))])
    out = policy("out", "a", policyTypes=["Egress"])

    assert ends(cluster(deny, allow)) == ONLY_A
    model = cluster(deny, allow, out)
    assert ends(model) == SHUT
    (call,) = model.calls(model.workload("a", "ui"))
    assert call.delivery.blocking is not None
    assert call.delivery.blocking.directions == (Direction.EGRESS,)
    assert [(way, str(own)) for way, own in call.delivery.blocking.policies] == [
        (Direction.EGRESS, "NetworkPolicy a/out")
    ]
    assert call.verdict is Verdict.BROKEN
    job = model.client_policy(model.workload("c", "job"), "cart.b", 80).deliveries[0]
    assert job.blocking is not None
    assert [str(own) for _, own in job.blocking.policies] == [
        "NetworkPolicy b/allow",
        "NetworkPolicy b/deny",
    ]
    assert job.blocking.otherwise is Outcome.OK_PLAINTEXT


def test_clients_of_many_namespaces_are_told_by_the_names_of_their_own_policies() -> None:
    model = cluster(*(policy(f"of-{place}", place, policyTypes=["Egress"]) for place in "abc"))
    named = {
        str(call.client): [str(own) for _, own in call.delivery.blocking.policies]
        for call in model.calls()
        if call.delivery.blocking is not None
    }

    assert named == {
        "a/ui": ["NetworkPolicy a/of-a"],
        "b/web": ["NetworkPolicy b/of-b"],
        "c/job": ["NetworkPolicy c/of-c"],
    }
    # What is alike is one class, whatever the policies are called.
    blocked = [each for each in model.call_classes() if each.deliveries[0].blocking is not None]
    assert sorted(each.clients.count for each in blocked) == [1, 2]


def test_what_is_dropped_comes_before_what_is_refused_and_denied() -> None:
    deny = policy("deny", "b")
    strict = peer_authentication("p", "b", "STRICT")
    nobody = thing("security.istio.io/v1", "AuthorizationPolicy", "n", "b", spec={})

    assert ends(cluster(deny, strict, nobody)) == SHUT
    assert ends(cluster(strict)) == {**OPEN, "c/job": Outcome.REFUSED}


def test_between_ambient_ends_the_port_is_that_of_hbone() -> None:
    only_8080 = policy("p", "b", ingress=[from_(ports=[{"port": 8080}])])
    only_hbone = policy("p", "b", ingress=[from_(ports=[{"port": 15008}])])

    assert ends(cluster(only_8080, plane="ambient")) == {
        "a/ui": Outcome.BLOCKED,
        "b/web": Outcome.BLOCKED,
        "c/job": Outcome.OK_PLAINTEXT,
    }
    assert ends(cluster(only_hbone, plane="ambient")) == {
        "a/ui": Outcome.OK_MTLS,
        "b/web": Outcome.OK_MTLS,
        "c/job": Outcome.BLOCKED,
    }


def test_each_hop_by_way_of_a_waypoint_is_a_connection_of_its_own() -> None:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    gateway = thing(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        "way",
        "b",
        spec={"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    )
    enrolled = service("cart", "b", labels={"istio.io/use-waypoint": "way"})
    own = {"gateway.networking.k8s.io/gateway-name": "way"}

    def told(*policies: Object) -> Outcome:
        return ends(cluster(gateway, enrolled, *policies, plane="ambient"))["a/ui"]

    at_way = policy("way", "b", podSelector={"matchLabels": own})
    at_cart = policy("cart", "b", podSelector={"matchLabels": {"app": "cart"}})
    from_way = policy(
        "cart", "b", podSelector=at_cart["spec"]["podSelector"], ingress=[from_(pods(**own))]
    )
    out = policy(
        "out",
        "a",
        policyTypes=["Egress"],
        egress=[to({**places(team="blue"), **pods(**own)}, ports=[{"port": 15008}])],
    )
    assert told() is Outcome.OK_MTLS
    assert told(at_way) is Outcome.BLOCKED
    assert told(at_cart) is Outcome.BLOCKED
    # The client's own way to the endpoint need not be open.
    assert told(from_way) is Outcome.OK_MTLS
    assert told(from_way, out) is Outcome.OK_MTLS
    model = cluster(gateway, enrolled, at_way, plane="ambient")
    found = explained(model)
    assert "Into waypoint b/way, to port 15008" in explain.text([found], Options(width=200))
    assert [repair.manifest for repair in found.repairs] == [""]
    assert "to waypoint b/way and from there to b/cart" in found.repairs[0].text


def test_a_single_pod_reaches_itself() -> None:
    shut = policy("p", "b"), policy("q", "b", policyTypes=["Egress"])
    alone = cluster(*shut)
    many = deployment("cart", "b")
    many["spec"]["replicas"] = 2

    assert outcomes(alone, "b/cart") == [Outcome.OK_MTLS]
    assert outcomes(cluster(many, *shut), "b/cart") == [Outcome.BLOCKED]
    assert alone.counts() == Counter(call.outcome for call in alone.calls())


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


PLANES = ("enabled", None)


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[Object], dict[str, Pod]]:
    """Namespaces with workloads and Services, and their pods as a packet filter sees them."""
    found: list[Object] = []
    known: dict[str, Pod] = {}
    for place in NAMESPACES:
        team = draw(st.sampled_from((None, *TEAMS)))
        labels = {"team": team} if team else {}
        found.append(namespace(place, draw(st.sampled_from(PLANES)), **labels))
        for app in APPS:
            own = {"app": app}
            if tier := draw(st.sampled_from((None, "front", "back"))):
                own["tier"] = tier
            ports = {"http": 8080, "admin": 9090} if draw(st.booleans()) else {"web": 8080}
            workload = deployment(app, place, own, ports)
            workload["spec"]["replicas"] = 2
            listed = {"http:80": 8080, "tcp-admin:90": 9090}
            found += [workload, service(app, place, listed)]
            known[f"{place}/{app}"] = Pod(place, {**labels, NAME: place}, own, ports)
    return found, known


@MODERATE
@given(shops(), network_policies())
def test_every_call_ends_as_addresses_tried_one_by_one_tell(
    found: tuple[list[Object], dict[str, Pod]], policies: list[Object]
) -> None:
    objects, known = found
    model = mesh(*objects, *policies)
    for call in model.calls():
        assert call.endpoint is not None
        client, server = known[str(call.client)], known[str(call.endpoint.workload)]
        passes = connects(policies, client, server, call.endpoint.port)
        blocked = call.outcome is Outcome.BLOCKED
        unknown = call.outcome is Outcome.UNKNOWN
        assert (not blocked, unknown) == (passes != {False}, len(passes) > 1), call
        (single,) = {
            each.outcome
            for each in model.client_policy(
                call.client, call.service.host, call.port.number
            ).deliveries
            if each.endpoint is call.endpoint
        }
        assert single is call.outcome
    assert model.counts() == Counter(call.outcome for call in model.calls())


@MODERATE
@given(shops(), network_policies(), network_policies())
def test_a_policy_of_other_pods_changes_nothing(
    found: tuple[list[Object], dict[str, Pod]], policies: list[Object], others: list[Object]
) -> None:
    objects, _ = found
    for number, other in enumerate(others):
        other["metadata"]["name"] = f"other{number}"
        other["spec"]["podSelector"] = {"matchLabels": {"app": "nobody"}}

    def told(*more: Object) -> list[tuple[str, str, int, Outcome]]:
        return sorted(
            (str(call.client), call.service.host, call.port.number, call.outcome)
            for call in mesh(*objects, *policies, *more).calls()
        )

    assert told(*others) == told()


BLOCKED_WAYS: dict[str, tuple[list[Object], int]] = {
    "into the server": ([policy("deny", "b")], 1),
    "out of the client": ([policy("out", "a", policyTypes=["Egress"])], 1),
    "both": ([policy("deny", "b"), policy("out", "a", policyTypes=["Egress"])], 2),
    "by expression": (
        [
            policy(
                "deny",
                "b",
                podSelector={"matchExpressions": [{"key": "app", "operator": "Exists"}]},
            )
        ],
        1,
    ),
}


@pytest.mark.parametrize("plane", ["sidecar", "ambient"])
@pytest.mark.parametrize("name", BLOCKED_WAYS)
def test_the_repair_that_explain_names_mends_the_call_and_isolates_nothing_else(
    name: str, plane: str
) -> None:
    policies, count = BLOCKED_WAYS[name]
    model = cluster(*policies, plane=plane)
    told = explained(model)
    written = [repair.manifest for repair in told.repairs]

    assert explain.outcomes(told) == ["blocked"]
    assert len(written) == count
    mended = cluster(*policies, *map(yaml, written), plane=plane)
    assert ends(mended)["a/ui"] is Outcome.OK_MTLS
    others = {client: end for client, end in ends(model).items() if client != "a/ui"}
    assert {client: end for client, end in ends(mended).items() if client != "a/ui"} == others
    text = explain.text([told], Options(width=100))
    assert "Which packets pass" in text
    assert ("15008" in text) is (plane == "ambient")


def test_explain_tells_which_rule_lets_packets_through() -> None:
    allow = policy("p", "b", ingress=[from_(pods(app="web")), from_(places(team="red"))])
    text = explain.text([explained(cluster(allow))], Options(width=100))

    assert "b/p, ingress rule 1: does not." in text
    assert "b/p, ingress rule 2: lets it through." in text
    ignored = explained(cluster(allow, network_policies="ignored"))
    assert "declared to ignore NetworkPolicies" in explain.text([ignored], Options(width=300))


def test_a_change_of_a_policy_breaks_mends_and_opens() -> None:
    deny, allow = policy("p", "b"), policy("p", "b", ingress=[from_(pods(app="web"))])

    shut = effect(cluster(), cluster(deny))
    assert {(each.change, each.after and each.after.outcome) for each in of_known(shut)} == {
        (Change.BREAKS, Outcome.BLOCKED),
        (Change.SHUT_OUT, Outcome.BLOCKED),
    }
    assert [str(each) for each in shut.network_policies] == ["NetworkPolicy/b/p"]
    opened = effect(cluster(deny), cluster(allow))
    assert [
        (str(next(each.clients.members)), each.change, each.requests) for each in of_known(opened)
    ] == [("b/web", Change.OPENED, ("all",))]
    # Who is still denied by the server is not let in.
    nobody = thing("security.istio.io/v1", "AuthorizationPolicy", "n", "b", spec={})
    still = effect(cluster(deny, nobody), cluster(allow, nobody))
    assert {each.change for each in still.calls} == {Change.MOVED}
    assert effect(cluster(deny), cluster(deny, policy("more", "b"))).is_empty


def test_who_is_in_no_inventory_is_told_of_where_no_known_call_says_it() -> None:
    """b/spare has no client that files know: no Service leads there."""
    spare = deployment("spare", "b")
    only = {"podSelector": {"matchLabels": {"app": "spare"}}}
    shut, wide = policy("p", "b", **only), policy("p", "b", **only, ingress=[{}])
    named = policy("p", "b", **only, ingress=[from_(places(team="green"))])
    other = policy("p", "b", **only, ingress=[from_(places(team="green"), places(team="grey"))])

    def told(*both: Object) -> list[tuple[str, Change, bool]]:
        found = effect(*(cluster(spare, each) for each in both))
        calls_ = (*found.calls, *found.open_calls)
        assert {str(each.endpoint) for each in calls_} <= {"b/spare:8080"}
        return [(each.clients.label, each.change, each.decided) for each in calls_]

    anybody = "anybody who proves no identity"
    assert told(shut, wide) == [(anybody, Change.OPENED, True)]
    assert told(wide, shut) == [(anybody, Change.CLOSED, True)]
    assert told(shut, named) == [(anybody, Change.OPENED, True)]
    assert told(named, other) == [(anybody, Change.OPENED, False)]
    assert told(other, named) == []
    assert told(named, named) == []


def test_a_label_of_a_client_is_what_lets_it_in() -> None:
    """No policy changes: the pods do."""
    allow = policy("p", "b", ingress=[from_({**places(), **pods(tier="front")})])

    def with_tier(tier: str) -> Mesh:
        labelled = deployment("late", "a", {"app": "late", "tier": tier})
        return cluster(labelled, allow)

    found = effect(with_tier("back"), with_tier("front"))
    assert [(str(next(each.clients.members)), each.change) for each in found.calls] == [
        ("a/late", Change.OPENED)
    ]


def test_a_call_names_what_drops_it_in_json() -> None:
    view = View("prod", cluster(policy("deny", "b")), lambda _resource, _path: None)
    (found,) = (
        calls.as_json(view, call) for call in view.mesh.calls(view.mesh.workload("a", "ui"))
    )

    assert found["outcome"] == "blocked"
    assert found["authorization"] is None
    assert found["blocked"] == {
        "port": 8080,
        "directions": ["ingress"],
        "policies": [{"resource": "b/deny", "direction": "ingress", "source": None}],
    }
    assert "blocked by b/deny" in calls.text([calls.CallsQuestion(view)], Options(width=200))


def test_posture_names_the_policies_before_a_server() -> None:
    view = View("prod", cluster(policy("deny", "b")), lambda _resource, _path: None)
    note = "Packets are filtered before b/cart, b/web by NetworkPolicies: b/deny"

    assert note in posture.text([view], Options(width=200))
    assert note in posture.markdown([view], Options())
    assert '"filteredBy": ["b/deny"]' in posture.json([view], Options())
    open_ = View("prod", cluster(), view.locate)
    assert "filtered" not in posture.text([open_], Options()) + posture.json([open_], Options())


def of_known(found: Effect) -> list[CallChange]:
    """The changes of clients of the inventory."""
    return [each for each in found.calls if list(each.clients.members)]


def explained(model: Mesh) -> CallExplanation:
    view = View("prod", model, lambda _resource, _path: None)
    host = model.service("cart", "b")
    (found,) = explain.explanations(view, model.workload("a", "ui"), host, host.ports[0])
    return found


def yaml(text: str) -> Object:
    (found,) = documents(text, "repair")
    assert isinstance(found.value, dict)
    return found.value
