"""A repair of the transport says what policies of authorization would still deny, and mends it."""

from __future__ import annotations

from meshes import Object, deployment, istio, mesh, peer_authentication, shop, shop_inventory
from meshgate.mesh import Mesh, Outcome
from meshgate.report.explain import CallExplanation, explanations
from meshgate.report.view import View
from meshgate.yamldoc.reading import documents

CLOSED = istio("AuthorizationPolicy", "default", "b") | {
    "apiVersion": "security.istio.io/v1",
    "spec": {},
}
STRICT = peer_authentication("default", "b", "STRICT")
HOST = "cart.b.svc.cluster.local"


def explained(*policies: Object) -> CallExplanation:
    """The call of `a/old`, which has no sidecar, to `b/cart`, which takes mTLS only."""
    model = shop(STRICT, *policies)
    view = View("prod", model, lambda _resource, _path: None)
    service = model.service(HOST, "a")
    (explanation,) = explanations(view, model.workload("a", "old"), service, service.ports[0])
    return explanation


def outcome_with_a_sidecar(*policies: Object) -> Outcome:
    others = [each for each in shop_inventory() if each["metadata"]["name"] != "old"]
    model: Mesh = mesh(*others, deployment("old", "a"), *policies)
    return model.client_policy(model.workload("a", "old"), HOST, 80).deliveries[0].outcome


def test_without_policies_a_sidecar_or_an_open_port_is_enough() -> None:
    texts = [repair.text for repair in explained().repairs]

    assert not any("deny" in text or "does not help" in text for text in texts)
    assert any("open port 8080 of b/cart alone" in text for text in texts)


def test_where_policies_deny_it_then_the_policy_that_lets_it_in_is_stated() -> None:
    repairs = explained(CLOSED).repairs

    (stated,) = (repair for repair in repairs if "policies deny it" in repair.text)
    assert "cluster.local/ns/a/sa/default" in stated.manifest
    assert any(
        "to plaintext does not help: by b/default nobody" in repair.text for repair in repairs
    )
    assert not any("open port 8080 of b/cart alone" in repair.text for repair in repairs)


def test_both_repairs_together_let_the_call_in_and_the_sidecar_alone_does_not() -> None:
    (stated,) = (each for each in explained(CLOSED).repairs if "policies deny it" in each.text)
    (document,) = documents(stated.manifest, "repair")
    assert isinstance(document.value, dict)

    assert outcome_with_a_sidecar(STRICT, CLOSED) is Outcome.DENIED
    assert outcome_with_a_sidecar(STRICT, CLOSED, document.value) is Outcome.OK_MTLS
