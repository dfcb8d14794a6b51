"""What a change does at the edges of the mesh: ambient ports, and calls that leave it."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshes import (
    ROOT,
    Object,
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
from meshgate.effect import Change, Strength, effect
from meshgate.effect.ports import strength
from meshgate.mesh import DataPlane, Mesh, Mode, Outcome


def cluster(plane: str, mode: str | None) -> Mesh:
    """One server in a namespace with sidecars or in ambient, and the mode of the namespace."""
    ambient = plane == "ambient"
    labels = {"istio.io/dataplane-mode": "ambient"} if ambient else {}
    objects: list[Object] = [
        namespace(ROOT, None),
        namespace("b", None if ambient else "enabled", **labels),
        deployment("cart", "b"),
        service("cart", "b"),
    ]
    if mode is not None:
        objects.append(peer_authentication("own", "b", mode))
    return mesh(*objects, data_plane="ambient")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("ambient", "STRICT"), ("ambient", "DISABLE"), [Strength.LOOSENED]),
        (("ambient", "STRICT"), ("ambient", "PERMISSIVE"), [Strength.LOOSENED]),
        (("ambient", "DISABLE"), ("ambient", "STRICT"), [Strength.TIGHTENED]),
        # ztunnel takes mTLS whatever the policy says, so both are the same to it.
        (("ambient", "PERMISSIVE"), ("ambient", "DISABLE"), []),
        (("ambient", "DISABLE"), ("ambient", "PERMISSIVE"), []),
        # A sidecar in DISABLE refuses nothing that ztunnel would refuse.
        (("sidecar", "DISABLE"), ("ambient", "DISABLE"), []),
        (("sidecar", "STRICT"), ("ambient", "DISABLE"), [Strength.LOOSENED]),
        # A sidecar has a third mode, weaker than the second.
        (("sidecar", "PERMISSIVE"), ("sidecar", "DISABLE"), [Strength.LOOSENED]),
    ],
)
def test_how_strong_a_mode_is_where_it_holds(
    before: tuple[str, str], after: tuple[str, str], expected: list[Strength]
) -> None:
    found = effect(cluster(*before), cluster(*after))
    assert [each.change for each in found.ports] == expected
    assert all(each.decided for each in found.ports)


@pytest.mark.parametrize("plane", list(DataPlane))
def test_ztunnel_alone_takes_mtls_where_a_policy_says_disable(plane: DataPlane) -> None:
    server = structs.replace(cluster("sidecar", None).workload("b", "cart"), plane=plane)
    is_same = strength(Mode.DISABLE, server) == strength(Mode.PERMISSIVE, server)

    assert is_same is (plane is DataPlane.AMBIENT)
    assert strength(Mode.PERMISSIVE, server) < strength(Mode.STRICT, server)


def test_a_port_past_the_sidecar_has_no_mode_to_change() -> None:
    past = {"annotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "8080"}}
    sides = [
        mesh(
            *(namespace(ROOT, None), namespace("b"), service("cart", "b")),
            deployment("cart", "b", **past),
            peer_authentication("own", "b", mode),
        )
        for mode in ("STRICT", "DISABLE")
    ]

    assert not effect(*sides).ports
    assert not effect(*reversed(sides)).ports


def test_calls_of_ambient_clients_count() -> None:
    """They have a proxy, so that what breaks them is a break, and is nobody's purpose."""

    def side(*objects: Object) -> Mesh:
        labels = {"istio.io/dataplane-mode": "ambient"}
        return mesh(
            *(namespace(ROOT, None), namespace("a", None, **labels)),
            *(namespace("b", None, **labels), deployment("cart", "b"), service("cart", "b")),
            *(deployment("ui", "a"), *objects),
            data_plane="ambient",
        )

    deny_all = thing("security.istio.io/v1", "AuthorizationPolicy", "deny", "b", spec={})
    (broken,) = effect(side(), side(deny_all)).breaks

    assert {client.name for client in broken.clients.members} == {"ui", "cart"}
    assert broken.counts


def leaving(*objects: Object, policy: str = "ALLOW_ANY") -> Mesh:
    """A client that calls a host outside the mesh."""
    return mesh(
        namespace(ROOT, None),
        namespace("a"),
        deployment("ui", "a"),
        *objects,
        outbound_traffic_policy=policy,
    )


def bank(**spec: object) -> Object:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    return istio(
        "ServiceEntry", "bank", "a", hosts=["bank.example.com"], ports=ports, **spec, age=1
    )


def test_a_call_that_leaves_the_mesh_is_external() -> None:
    model = leaving(bank(resolution="NONE"))
    (call,) = model.calls()
    assert call.outcome is Outcome.EXTERNAL


def test_a_call_that_may_leave_no_more_breaks_for_sure() -> None:
    """It is taken to work until something on the way stops it."""
    sidecar = istio("Sidecar", "only", "a", age=1, egress=[{"hosts": ["./nothing"]}])
    before = leaving(bank(resolution="NONE"), policy="REGISTRY_ONLY")
    after = leaving(bank(resolution="NONE"), sidecar, policy="REGISTRY_ONLY")
    (change,) = effect(before, after).calls
    assert (change.change, change.decided) == (Change.BREAKS, True)
    assert change.before is not None
    assert change.before.outcome is Outcome.EXTERNAL
    (back,) = effect(after, before).calls
    assert (back.change, back.decided) == (Change.MENDS, True)


def test_another_version_of_a_rule_changes_no_call_that_is_not_known() -> None:
    patch = {"applyTo": "HTTP_FILTER", "patch": {"operation": "INSERT_BEFORE", "value": {}}}
    unread = istio("EnvoyFilter", "filter", "b", configPatches=[patch])
    rule = destination_rule("cart", "b", "cart.b.svc.cluster.local", "ISTIO_MUTUAL")
    older = rule | {"apiVersion": "networking.istio.io/v1beta1"}

    assert "unknown" in outcomes(shop(unread, rule), "a/ui")
    assert not effect(shop(unread, rule), shop(unread, older)).undecided
