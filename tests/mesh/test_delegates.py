"""What a VirtualService and its delegates say together, and whose requests an abort is for."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import (
    ROOT,
    Object,
    deployment,
    istio,
    mesh,
    namespace,
    outcomes,
    service,
    shop,
)
from meshgate.mesh import Mesh, Outcome, Verdict

ABORT: Object = {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}
OPEN, DOUBT = [Outcome.OK_MTLS], [Outcome.UNKNOWN]


def virtual_service(name: str, place: str, *routes: Object, **spec: Any) -> Object:
    return istio("VirtualService", name, place, http=list(routes), **spec)


def aborting(*matches: Object) -> Object:
    route: Object = {"route": [{"destination": {"host": "cart"}}], "fault": ABORT}
    return {**route, "match": list(matches)} if matches else route


ONWARD: Object = {"route": [{"destination": {"host": "cart"}}]}


def by_call(model: Mesh, client: str) -> set[Verdict]:
    place, _, name = client.partition("/")
    calls = model.calls(model.workload(place, name))
    return {call.verdict for call in calls if call.service.name == "cart"}


@pytest.mark.parametrize(
    ("matches", "aborted"),
    [
        ([{"sourceLabels": {"tier": "test"}}], {"a/test"}),
        ([{"sourceLabels": {"tier": "other"}}], set()),
        ([{"sourceNamespace": "c"}], {"c/far"}),
        ([{"sourceLabels": {"tier": "test"}}, {"sourceNamespace": "c"}], {"a/test", "c/far"}),
        ([{"sourceLabels": {"tier": "test"}, "sourceNamespace": "c"}], set()),
        # Where gateways are named, nothing else of the client is looked at.
        ([{"sourceLabels": {"tier": "test"}, "gateways": ["mesh"]}], {"a/ui", "a/test", "c/far"}),
        ([{"sourceLabels": {"tier": "test"}}, {}], {"a/ui", "a/test", "c/far"}),
    ],
)
def test_an_abort_is_for_the_clients_that_its_matches_name(
    matches: list[Object], aborted: set[str]
) -> None:
    model = shop(
        namespace("c"),
        deployment("far", "c"),
        deployment("test", "a", {"app": "test", "tier": "test"}),
        virtual_service("v", "b", aborting(*matches), ONWARD, hosts=["cart"]),
    )
    for client in ("a/ui", "a/test", "c/far"):
        is_open = client in aborted
        assert outcomes(model, client) == (DOUBT if is_open else OPEN)
        assert by_call(model, client) == {Verdict.UNKNOWN if is_open else Verdict.WORKS}


def test_a_client_with_a_sidecar_resource_is_asked_by_its_labels_too() -> None:
    own = istio("Sidecar", "s", "a", egress=[{"hosts": ["b/*"]}])
    model = shop(
        own,
        deployment("test", "a", {"app": "test", "tier": "test"}),
        virtual_service(
            "v", "b", aborting({"sourceLabels": {"tier": "test"}}), ONWARD, hosts=["cart"]
        ),
    )
    assert by_call(model, "a/test") == {Verdict.UNKNOWN}
    assert by_call(model, "a/ui") == {Verdict.WORKS}


@pytest.mark.parametrize("said_by", ["root", "delegate"])
def test_the_fault_of_either_is_that_of_the_delegates_routes(said_by: str) -> None:
    root: Object = {"delegate": {"name": "part", "namespace": "b"}}
    leaf: Object = dict(ONWARD)
    (root if said_by == "root" else leaf)["fault"] = ABORT
    model = shop(
        virtual_service("v", "b", root, hosts=["cart"]), virtual_service("part", "b", leaf)
    )
    assert outcomes(model, "a/ui") == DOUBT
    assert by_call(model, "a/ui") == {Verdict.UNKNOWN}
    (found,) = model.unread
    assert found.resource.name == ("v" if said_by == "root" else "part")


def test_a_delegate_that_nobody_leads_to_aborts_nothing() -> None:
    model = shop(virtual_service("part", "b", aborting()))
    assert outcomes(model, "a/ui") == OPEN
    assert not any(each.covered for each in model.unread)


def test_a_delay_of_the_delegate_stands_for_the_roots_abort() -> None:
    """Istio (mergeHTTPRoute) takes the root's fault where the delegate has none at all."""
    leaf = {**ONWARD, "fault": {"delay": {"fixedDelay": "1s", "percentage": {"value": 100}}}}
    root = {"delegate": {"name": "part", "namespace": "b"}, "fault": ABORT}
    model = shop(
        virtual_service("v", "b", root, hosts=["cart"]), virtual_service("part", "b", leaf)
    )
    assert outcomes(model, "a/ui") == OPEN


def split(leaf: Object, root: Object | None = None, **spec: Any) -> Mesh:
    """A root in `a` that delegates to `c`; both namespaces have a service `cart`."""
    onward = {"delegate": {"name": "part", "namespace": "c"}, **(root or {})}
    return mesh(
        namespace(ROOT, None),
        *(namespace(each) for each in "abc"),
        deployment("ui", "a"),
        *(deployment("cart", each) for each in "abc"),
        *(service("cart", each) for each in "abc"),
        virtual_service("v", "a", onward, hosts=["cart.b.svc.cluster.local"], **spec),
        virtual_service("part", "c", leaf),
    )


def sent_to(model: Mesh) -> set[str]:
    return {each.host for each in model.routes(model.workload("a", "ui"), "cart.b", 80)}


def test_short_names_of_a_delegate_are_of_its_own_namespace() -> None:
    """ResolveVirtualServiceShortnames is called for each of them before they are merged."""
    assert sent_to(split(ONWARD)) == {"cart.c.svc.cluster.local"}


def test_the_gateways_of_a_delegates_match_are_too() -> None:
    at_edge = {**ONWARD, "match": [{"gateways": ["edge"]}]}
    # `edge` is another Gateway for each of them: the delegate's match is no part of the root's.
    model = split(at_edge, {"match": [{"gateways": ["edge"]}]}, gateways=["edge", "mesh"])
    (root,) = model.virtual_services
    assert root.http == ()


def test_a_mirror_of_the_root_is_the_delegates() -> None:
    model = split(ONWARD, {"mirror": {"host": "cart"}})
    (root,) = model.virtual_services
    assert sent_to(model) == {"cart.c.svc.cluster.local"}
    # The copies go to what the root means by the name.
    assert [each.host for each in root.http[0].mirrors] == ["cart.a.svc.cluster.local"]
