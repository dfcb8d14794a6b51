"""Who else gets in by a change: clients that no inventory has, and the proof that nobody does."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import Object, deployment, mesh, namespace, peer_authentication, shop, thing
from meshgate.effect import CallChange, Change, Effect, describe, effect
from meshgate.effect.strangers import ANYBODY, OTHERS

SECURITY = "security.istio.io/v1"


def policy(name: str, place: str = "b", **spec: Any) -> Object:
    return thing(SECURITY, "AuthorizationPolicy", name, place, spec=spec)


def allow(name: str, *sources: Object, **operation: Any) -> Object:
    rule: Object = {"from": [{"source": each} for each in sources]} if sources else {}
    if operation:
        rule["to"] = [{"operation": operation}]
    return policy(name, rules=[rule])


def deny(name: str, *sources: Object, **operation: Any) -> Object:
    return {**allow(name, *sources, **operation), "spec": {
        **allow(name, *sources, **operation)["spec"], "action": "DENY"}}  # fmt: skip


def strangers(found: Effect) -> set[tuple[str, str, str]]:
    """Who, what becomes of it, and where."""
    return {
        (each.clients.label, each.change.value, str(each.endpoint))
        for each in found.calls
        if each.clients.label
    }


def of(found: Effect, label: str, port: int = 8080) -> CallChange:
    (only,) = (
        each
        for each in found.calls
        if each.clients.label == label and each.endpoint and each.endpoint.port == port
    )
    return only


KNOWN = {"namespaces": ["a", "b"]}
CART = "b/cart:8080"


def test_a_policy_that_lets_in_strangers_only_opens() -> None:
    found = effect(shop(allow("p", KNOWN)), shop(allow("p", {"principals": ["*"]})))

    assert strangers(found) == {(OTHERS, "opened", CART)}
    assert [each.clients.label for each in found.calls] == [OTHERS]
    assert of(found, OTHERS).requests == ("all",)
    assert of(found, OTHERS).witness is not None
    back = effect(shop(allow("p", {"principals": ["*"]})), shop(allow("p", KNOWN)))
    assert strangers(back) == {(OTHERS, "closed", CART)}


def test_a_policy_without_sources_opens_to_whoever_proves_no_identity() -> None:
    one = allow("p", {"principals": ["*"]})
    found = effect(shop(one), shop(allow("p", methods=["GET"])))

    assert of(found, ANYBODY).change is Change.OPENED
    assert of(found, ANYBODY).requests == ("GET",)
    assert of(found, OTHERS).change is Change.CLOSED
    # Where TLS refuses plaintext, no policy lets it in.
    strict = peer_authentication("default", "b", "STRICT")
    assert {label for label, _, _ in strangers(effect(shop(strict, one), shop(strict)))} == set()


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ({"namespaces": ["partners"]}, "cluster.local/ns/partners/sa/*"),
        ({"namespaces": ["team-*"]}, "cluster.local/ns/team-/sa/*"),
        ({"principals": ["cluster.local/ns/partners/sa/bot"]}, "cluster.local/ns/partners/sa/bot"),
        ({"principals": ["cluster.local/ns/part*"]}, "cluster.local/ns/part/sa/*"),
        ({"principals": ["*/sa/bot"]}, "cluster.local/ns/*/sa/bot"),
        ({"serviceAccounts": ["partners/bot"]}, "cluster.local/ns/partners/sa/bot"),
        ({"namespaces": ["partners"], "principals": ["*/bot"]}, "cluster.local/ns/partners/sa/bot"),
    ],
)
def test_an_identity_that_only_a_policy_names_is_told(source: Object, who: str) -> None:
    found = effect(shop(allow("p", KNOWN)), shop(allow("p", KNOWN, source)))

    assert strangers(found) == {(f"whoever has the identity {who}", "opened", CART)}


def test_one_value_more_of_a_list_is_told_of_whom_nobody_knows() -> None:
    found = effect(shop(allow("p", KNOWN)), shop(allow("p", {"namespaces": ["a", "b", "x"]})))
    assert strangers(found) == {
        ("whoever has the identity cluster.local/ns/x/sa/*", "opened", CART)
    }
    # Also where clients of the inventory gain by the same value.
    both = effect(
        shop(allow("p", {"namespaces": ["b"]})), shop(allow("p", {"namespaces": ["a", "b", "x"]}))
    )
    assert strangers(both) == strangers(found)


def test_an_identity_is_told_that_only_two_policies_together_treat_otherwise() -> None:
    base = allow("p", KNOWN, {"namespaces": ["partners"]})
    found = effect(shop(base, deny("d", {"principals": ["*/sa/bot"]})), shop(base))

    assert strangers(found) == {
        ("whoever has the identity cluster.local/ns/partners/sa/bot", "opened", CART),
        ("whoever has the identity cluster.local/ns/a/sa/bot", "opened", CART),
    }


def test_clients_of_the_inventory_are_told_once() -> None:
    found = effect(shop(allow("p", {"namespaces": ["b"]})), shop(allow("p", KNOWN)))

    assert strangers(found) == set()
    assert [str(client) for each in found.opened for client in each.clients.members] == ["a/ui"]


def test_ports_that_no_file_names_are_compared() -> None:
    found = effect(shop(allow("p", ports=["8080"])), shop(allow("p")))
    assert strangers(found) == {
        (ANYBODY, "opened", "b/cart:*"),
        (OTHERS, "opened", "b/cart:*"),
    }
    debug = effect(shop(allow("p", ports=["8080"])), shop(allow("p", ports=["8080", "5005"])))
    assert strangers(debug) == {
        (ANYBODY, "opened", "b/cart:5005"),
        (OTHERS, "opened", "b/cart:5005"),
    }


def test_a_workload_without_a_service_is_compared() -> None:
    inventory = [namespace("b"), deployment("job", "b")]
    found = effect(mesh(*inventory, policy("none")), mesh(*inventory))

    assert (ANYBODY, "opened", "b/job:8080") in strangers(found)
    assert of(found, ANYBODY).host == "b/job"


def test_a_server_that_loses_its_sidecar_is_open() -> None:
    def cart(**labels: str) -> list[Object]:
        own = {"app": "cart", **labels}
        return [namespace("b"), deployment("cart", "b", own), allow("p", KNOWN, methods=["GET"])]

    bare = mesh(*cart(**{"sidecar.istio.io/inject": "false"}))
    found = effect(mesh(*cart()), bare)

    assert of(found, ANYBODY).change is Change.OPENED


@pytest.mark.parametrize("apart", [True, False])
def test_the_same_in_other_words_changes_nothing_for_anybody(*, apart: bool) -> None:
    first, second = {"namespaces": ["a"]}, {"principals": ["cluster.local/ns/x/sa/y"]}
    one = shop(allow("p", first, second, methods=["GET", "PUT"]))
    many = [allow("q", first, methods=["PUT", "GET"]), allow("r", second, methods=["GET", "PUT"])]
    found = effect(
        one, shop(*many) if apart else shop(allow("q", second, first, methods=["PUT", "GET"]))
    )

    assert found.is_empty
    assert found.is_proven
    assert "nothing changes for any request" in describe.verdict(found)
    assert not effect(one, one).is_proven


def test_what_is_not_read_at_a_server_is_no_proof() -> None:
    patch = {"operation": "INSERT_BEFORE", "value": {"name": "x"}}
    filters = [{"applyTo": "HTTP_FILTER", "match": {"context": "SIDECAR_INBOUND"}, "patch": patch}]
    unread = thing(
        "networking.istio.io/v1alpha3", "EnvoyFilter", "f", "b", spec={"configPatches": filters}
    )
    old = shop(unread, allow("p", KNOWN))
    found = effect(old, shop(unread, allow("p", {"namespaces": ["b"]})))

    assert not found.is_proven
    assert found.undecided
    assert effect(old, shop(unread, allow("q", KNOWN))).is_proven
