"""All foreign objects are judged in one comparison, and those that matter are named."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest

from live_objects import deployment, live, namespace, peer_authentication, pods, proxy, service
from meshgate.cluster.capture import Live, running
from meshgate.cluster.kinds import ALL
from meshgate.cluster.verify import foreign
from meshgate.effect import effect
from meshgate.mesh import Mesh
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

VERSIONS = {kind.kind: kind.api_version for kind in reversed(ALL)}
APPS = ("cart", "web", "bank", "mail")


def typed(value: JSONObject, *, is_foreign: bool = True) -> Resource:
    own = {**value, "apiVersion": VERSIONS[value["kind"]]}
    return Resource.of(own, foreign=is_foreign)


def judged(objects: Sequence[JSONObject]) -> dict[str, foreign.ForeignObject]:
    """Every object beside a mesh of four workloads with sidecars, as a foreign one; by its name."""
    by_kind: dict[str, list[JSONObject]] = {}
    made = [deployment("shop", name) for name in APPS]
    everything = [
        namespace("shop", **{"istio-injection": "enabled"}),
        *made,
        *(each for owner in made for each in pods(owner, proxy("sidecar"))),
        *(service("shop", name) for name in APPS),
    ]
    for each in everything:
        by_kind.setdefault(each["kind"], []).append({**each, "apiVersion": VERSIONS[each["kind"]]})
    captured = running(Live(by_kind, [], []), MeshFacts())
    world = foreign.ReviewedAndLive(
        rendered=(),
        accepted=(),
        live=[typed(each) for each in objects],
        running=[Resource.of(each, foreign=True) for each in captured.objects],
    )
    return {each.resource.name: each for each in foreign.outcome(world, MeshFacts(), ()).foreign}


def about(kind: str, name: str, **spec: JSON) -> JSONObject:
    return live(kind, "shop", name, spec=spec)


def idle(count: int) -> list[JSONObject]:
    """Policies of workloads that are not there."""
    listed = []
    for number in range(count):
        policy = peer_authentication("shop", f"idle-{number}", "DISABLE")
        policy["spec"]["selector"] = {"matchLabels": {"app": f"no-{number}"}}
        listed.append(policy)
    return listed


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Mesh, Mesh]]:
    made: list[tuple[Mesh, Mesh]] = []

    def counted(before: Mesh, after: Mesh, **how: object) -> object:
        made.append((before, after))
        return effect(before, after, **how)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr(foreign, "effect", counted)
    return made


def test_fifty_cost_what_one_does(comparisons: list[tuple[Mesh, Mesh]]) -> None:
    off = peer_authentication("shop", "off", "DISABLE")
    off["spec"]["selector"] = {"matchLabels": {"app": "cart"}}
    found = judged([*idle(49), off])

    assert [name for name, each in found.items() if each.decides] == ["off"]
    assert found["off"].ports == 1
    assert len(comparisons) == 2, "of what was reviewed, and of all foreign objects"


MATTER: dict[str, JSONObject] = {
    "a mode": peer_authentication("shop", "it", "STRICT"),
    "tls": about("DestinationRule", "it", host="cart", trafficPolicy={"tls": {"mode": "DISABLE"}}),
    "a policy that denies": about("AuthorizationPolicy", "it"),
    "a policy that allows some": about(
        "AuthorizationPolicy", "it", rules=[{"to": [{"operation": {"methods": ["GET"]}}]}]
    ),
    "a route": about(
        "VirtualService",
        "it",
        hosts=["cart"],
        http=[{"route": [{"destination": {"host": "web.shop.svc.cluster.local"}}]}],
    ),
    "a sidecar": about("Sidecar", "it", egress=[{"hosts": ["./web.shop.svc.cluster.local"]}]),
    "code": about(
        "EnvoyFilter",
        "it",
        configPatches=[{"applyTo": "CLUSTER", "match": {"context": "SIDECAR_OUTBOUND"}}],
    ),
    "packets": about("NetworkPolicy", "it", podSelector={}, policyTypes=["Ingress"]),
}


@pytest.mark.parametrize("what", MATTER)
def test_what_matters_is_named_among_many(what: str, comparisons: list[tuple[Mesh, Mesh]]) -> None:
    it = copy.deepcopy(MATTER[what])
    found = judged([*idle(8), it])

    assert [name for name, each in found.items() if each.decides] == ["it"]
    assert len(comparisons) <= 2 + foreign.LOOKS


def test_nothing_foreign_is_compared_once(comparisons: list[tuple[Mesh, Mesh]]) -> None:
    assert judged([]) == {}
    assert len(comparisons) == 1
