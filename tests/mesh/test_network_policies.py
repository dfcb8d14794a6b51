"""What NetworkPolicies let through: their words, and what is on the wire."""

from __future__ import annotations

from collections import Counter

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
from meshgate.mesh import Direction, Outcome, Verdict
from meshgate.report import Options
from meshgate.report.explain import page as explain
from network_policy_cluster import (
    NAME,
    OPEN,
    SHUT,
    UNKNOWN,
    cluster,
    ends,
    explained,
    from_,
    places,
    pods,
    policy,
    to,
)
from random_network_policies import APPS, NAMESPACES, TEAMS, network_policies

MODERATE = examples(30)
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

    def outcome(*policies: Object) -> Outcome:
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
    assert outcome() is Outcome.OK_MTLS
    assert outcome(at_way) is Outcome.BLOCKED
    assert outcome(at_cart) is Outcome.BLOCKED
    # The client's own way to the endpoint need not be open.
    assert outcome(from_way) is Outcome.OK_MTLS
    assert outcome(from_way, out) is Outcome.OK_MTLS
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

    def all_ends(*more: Object) -> list[tuple[str, str, int, Outcome]]:
        return sorted(
            (str(call.client), call.service.host, call.port.number, call.outcome)
            for call in mesh(*objects, *policies, *more).calls()
        )

    assert all_ends(*others) == all_ends()
