"""What must hold for any mesh: order of documents, names, foreign kinds, classes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from examples import examples
from meshes import (
    ROOT,
    Object,
    deployment,
    destination_rule,
    istio,
    mesh,
    namespace,
    peer_authentication,
    service,
    thing,
)
from meshgate.mesh import DataPlane, Mesh, Outcome, Service, Tls, Workload, routes
from meshgate.mesh.virtual_services import Caller, Destination, visible
from random_meshes import NAMESPACES, answers, objects

MODERATE = examples(30)


@MODERATE
@given(objects(), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(found: list[Object], dice: random.Random) -> None:
    shuffled = list(found)
    dice.shuffle(shuffled)
    assert answers(mesh(*shuffled)) == answers(mesh(*found))


@MODERATE
@given(objects(dated=False), st.randoms(use_true_random=False))
def test_nor_does_it_without_timestamps(found: list[Object], dice: random.Random) -> None:
    shuffled = list(found)
    dice.shuffle(shuffled)
    assert answers(mesh(*shuffled)) == answers(mesh(*found))


@MODERATE
@given(objects())
def test_renaming_namespaces_does_not_matter(found: list[Object]) -> None:
    """The map keeps the order of names and which wildcard matches which host."""
    names = dict(zip(NAMESPACES, ("team-a", "team-b", "team-c"), strict=True))
    renamed = mesh(*(rename(each, names) for each in found))
    assert answers(renamed) == rename(answers(mesh(*found)), names)


def rename(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        pairs = ((rename(key, names), rename(item, names)) for key, item in value.items())
        return Counter(dict(pairs)) if isinstance(value, Counter) else dict(pairs)
    if isinstance(value, list):
        return [rename(item, names) for item in value]
    if type(value) is tuple:
        return tuple(rename(item, names) for item in value)
    if type(value) is str:
        for old, new in names.items():
            value = value.replace(old, new)
    return value


@MODERATE
@given(objects())
def test_objects_of_other_kinds_do_not_matter(found: list[Object]) -> None:
    others = [
        thing("v1", "ConfigMap", "web", "alpha", data={"host": "*"}),
        thing("example.com/v1", "DestinationRule", "web", "alpha", spec={"host": "*"}),
        thing("telemetry.istio.io/v1", "Telemetry", "web", ROOT, spec={}),
    ]
    assert answers(mesh(*others, *found)) == answers(mesh(*found))


def private_destination() -> list[Object]:
    """A route to a service that one namespace alone sees, for hosts that all namespaces see."""
    private = {"networking.istio.io/exportTo": "."}
    return [
        *(namespace(place) for place in NAMESPACES),
        *(deployment("web", place) for place in NAMESPACES),
        service("web", "alpha", {"http:80": 8080}, annotations=private),
        service("web", "beta", {"http:80": 8080}),
        leading("*.beta.svc.cluster.local", "web.alpha.svc.cluster.local"),
    ]


def aliased_destination() -> list[Object]:
    """The same by an ExternalName Service."""
    alias = thing("v1", "Service", "alias", "gamma", spec={"type": "ExternalName"})
    alias["spec"]["externalName"] = "web.alpha.svc.cluster.local"
    lead = leading("web.beta.svc.cluster.local", "alias.gamma.svc.cluster.local")
    return [*private_destination()[:-1], alias, lead]


def private_entry() -> list[Object]:
    """The same by a ServiceEntry of a namespace that is neither the client's nor the route's."""
    host = "db.example.com"
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    entry = istio("ServiceEntry", "db", "beta", hosts=[host], ports=ports, exportTo=["gamma"])
    return [*private_destination()[:-1], entry, leading("web.beta.svc.cluster.local", host)]


def named_where_it_is_hidden() -> list[Object]:
    """A route for a service that one namespace alone sees: elsewhere its host is only a name."""
    lead = leading("web.alpha.svc.cluster.local", "web.beta.svc.cluster.local", subset="v1")
    return [*private_destination()[:-1], lead]


def leading(host: str, destination: str, **more: str) -> Object:
    route = [{"destination": {"host": destination, **more}}]
    return istio("VirtualService", "lead", "alpha", hosts=[host], http=[{"route": route}])


@MODERATE
@given(objects())
@example(private_destination())
@example(aliased_destination())
@example(private_entry())
@example(named_where_it_is_hidden())
def test_classes_agree_with_each_client_by_itself(found: list[Object]) -> None:
    model = mesh(*found)
    naive: Counter[tuple[str, str, str | None, Outcome]] = Counter()
    for workload in model.workloads:
        for each in model.services:
            for subset in reached(model, workload, each):
                policy = model.client_policy(workload, each.host, 80, subset)
                naive.update(
                    (str(workload), each.host, subset, delivery.outcome)
                    for delivery in policy.deliveries
                )
            for _ in lost(model, workload, each.host):
                naive[(str(workload), each.host, None, Outcome.NO_CLUSTER)] += 1
    listed = Counter(
        (str(call.client), call.service.host, call.subset, call.outcome) for call in model.calls()
    )
    assert listed - naive == naive - listed == Counter()
    assert model.counts() == Counter(outcome for *_, outcome in listed.elements())


def reached(model: Mesh, workload: Workload, service: Service) -> set[str | None]:
    """The subsets that a client reaches, asked of every service it sees."""
    captured = workload.plane is DataPlane.SIDECAR and 80 not in workload.uncaptured_outbound
    if not captured or not sees(model, workload, service.host):
        # Passed through, or blocked, where it is a Service, which DNS knows all the same.
        return {None} if service.kubernetes else set()
    routed = (
        destination
        for each in model.services
        if sees(model, workload, each.host)
        for destination in model.routes(workload, each.host, 80)
    )
    return {
        each.subset for each in (*routed, *by_name(model, workload)) if each.host == service.host
    }


def by_name(model: Mesh, workload: Workload) -> Iterator[Destination]:
    """Where requests go for hosts that are no service for this client."""
    if model.clients.scopes_of(workload):
        seen = model.clients.scopes_of(workload)[0].routes(80)
    else:
        seen = visible(model.virtual_services, workload.namespace)
    for policy in seen:
        if not any(
            policy.covers(each.host) and sees(model, workload, each.host) for each in model.services
        ):
            yield from routes.by_name(policy, Caller(workload.namespace, workload.labels))


def lost(model: Mesh, workload: Workload, host: str) -> set[object]:
    """Where a client's requests for a service are led though it sees no such service port."""
    if workload.plane is not DataPlane.SIDECAR or 80 in workload.uncaptured_outbound:
        return set()
    if not sees(model, workload, host):
        return set()
    return {
        destination
        for destination in model.routes(workload, host, 80)
        if not sees(model, workload, destination.host) or destination.port != 80
    }


def sees(model: Mesh, workload: Workload, host: str) -> bool:
    try:
        answer = model.client_policy(workload, host, 80)
    except LookupError:
        return False
    return not any(why in answer.reason for why in ("does not import", "is not exported"))


@MODERATE
@given(objects())
def test_an_explanation_agrees_with_the_policy(found: list[Object]) -> None:
    model = mesh(*found)
    for workload in model.workloads:
        for each in model.services:
            if workload.plane is DataPlane.SIDECAR and sees(model, workload, each.host):
                why = model.explain(workload, each.host, 80)
                used = [step.rule for step in why.lookup if step.fate in {"wins", "merged"}]
                assert {id(rule) for rule in used} == {id(rule) for rule in why.policy.rules}
                stated = why.tls is not None and why.tls.stated
                assert stated is (why.policy.tls is not Tls.NONE)


def stranger(draw: st.DrawFn, found: list[Object]) -> Object:
    """An object that nothing in a mesh refers to, and that says nothing of what is there."""
    rules = [each for each in found if each["kind"] == "DestinationRule"]
    age = draw(st.one_of(st.none(), st.integers(1, 4)))
    name, place = draw(st.sampled_from(("a0", "zz"))), draw(st.sampled_from((*NAMESPACES, ROOT)))
    if draw(st.booleans()):
        # A rule for the host and the clients of another one that adds nothing to it.
        other = draw(st.sampled_from(rules))
        spec = {
            key: other["spec"][key]
            for key in ("exportTo", "workloadSelector")
            if key in other["spec"]
        }
        place, host = other["metadata"]["namespace"], other["spec"]["host"]
        return destination_rule(name, place, host, age=age, **spec)
    port = {"number": 443, "name": "tls", "protocol": "TLS"}
    host = "nobody.example.com"
    labels = {"app": "nobody"}
    others = (
        peer_authentication(name, place, "STRICT", age=age, selector=labels),
        destination_rule(name, place, "nobody", "DISABLE", age=age),
        destination_rule(name, place, host, "DISABLE", age=age),
        service("nobody", place),
        istio("ServiceEntry", name, place, hosts=[host], ports=[port]),
        namespace("nobody"),
        istio("Sidecar", name, place, workloadSelector={"labels": labels}, egress=[]),
    )
    return draw(st.sampled_from(others))


def counter() -> list[Object]:
    """A client, and a server that takes mTLS only."""
    return [
        namespace("home"),
        namespace("shop"),
        deployment("ui", "home"),
        deployment("cart", "shop"),
        service("cart", "shop"),
        peer_authentication("strict", "shop", "STRICT"),
    ]


@st.composite
def contested(draw: st.DrawFn) -> list[Object]:
    """A client, a server, and rules without age for the server's host."""
    found = counter()
    # Each of the first four is merged or not by what is just before it.
    exports = draw(st.permutations((["a"], ["b"], ["a", "home"], ["c"], None, ["home"])))
    count = draw(st.integers(2, 5))
    for name, exported in zip(draw(st.permutations("mnopq")), exports[:count], strict=False):
        spec: Object = {} if exported is None else {"exportTo": exported}
        mode = draw(st.sampled_from(("DISABLE", "ISTIO_MUTUAL")))
        found.append(destination_rule(name, "shop", "cart", mode, age=None, **spec))
    return found


def unknowns(model: Mesh) -> set[tuple[object, ...]]:
    """The ports and calls of which nothing can be said for sure."""
    found: set[tuple[object, ...]] = set()
    for workload in model.workloads:
        for port in (8080, None):
            if not model.mode_at(workload, port).decided:
                found.add((str(workload), port))
    for call in model.calls():
        if call.outcome is Outcome.UNKNOWN:
            end = str(call.endpoint.workload) if call.endpoint else ""
            found.add((str(call.client), call.service.host, call.port.number, call.subset, end))
    return found


@st.composite
def grown(draw: st.DrawFn) -> tuple[list[Object], list[Object]]:
    """A mesh, and the same with one or two strangers more."""
    before = draw(st.one_of(st.just([]), st.just([]), objects(dated=False)))
    before = before + draw(contested())
    after = list(before)
    for _ in range(draw(st.integers(1, 2))):
        after.append(stranger(draw, after))
    return before, after


def sixth_beside_five() -> tuple[list[Object], list[Object]]:
    """Five rules of which two orders decide, and one that says nothing."""
    exports = {"m": ["c"], "n": ["b"], "o": ["a"], "p": ["a", "home"], "q": ["home"]}
    rivals = [
        destination_rule(
            name,
            "shop",
            "cart",
            "ISTIO_MUTUAL" if name == "q" else "DISABLE",
            age=None,
            exportTo=exported,
        )
        for name, exported in exports.items()
    ]
    silent = destination_rule("a0", "shop", "cart", age=None, exportTo=["a"])
    return [*counter(), *rivals], [*counter(), *rivals, silent]


@examples(40)
@given(grown())
@example(sixth_beside_five())
def test_a_stranger_never_turns_unknown_into_an_answer(
    meshes: tuple[list[Object], list[Object]],
) -> None:
    before, after = meshes
    assert unknowns(mesh(*before)) <= unknowns(mesh(*after))
