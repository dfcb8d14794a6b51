"""Safe steps to unsafe changes: found by the model, judged again by brute force, and written."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from hostile_repository import HOSTILE
from markdown_page import Page, rendered
from meshes import (
    ROOT,
    deployment,
    destination_rule,
    istio,
    peer_authentication,
    shop,
    shop_inventory,
    thing,
)
from meshgate.effect import effect
from meshgate.effect.steps import NoPlan, NoPlanReason, Plan, Purpose, plan
from meshgate.effect.steps.oracle import Oracle
from meshgate.effect.steps.planning import LIMIT
from meshgate.mesh import Mode
from meshgate.model import MeshFacts, Resource
from meshgate.report import Options
from meshgate.report.steps import FORMATS, EnvironmentSteps, Steps
from safe_steps import judged_by_brute_force, unsafe_changes
from samples import sample

pytestmark = pytest.mark.sampled(every=2)


# `nox -s steps` judges 200.
SAMPLE = sample(9, 3)


# How many changes each strategy judges here, so that the sample takes seconds.
QUICK = 30
SHOP = [Resource.of(each) for each in shop_inventory()]


def planned(
    before: Sequence[Any], after: Sequence[Any], *more: Resource, limit: int = LIMIT
) -> Plan | NoPlan:
    """The plan for these policies around the shop."""
    old, new = ([Resource.of(each) for each in side] for side in (before, after))
    return plan(old, new, [*SHOP, *more], MeshFacts(), limit=limit)


def mode(text: str, **fields: Any) -> Any:
    return peer_authentication("default", ROOT, text, **fields)


@pytest.mark.sampled
def test_every_step_of_random_changes_is_safe_by_brute_force() -> None:
    found = [(case, case.plan(QUICK)) for case in unsafe_changes(SAMPLE, seed=1, rows=40)]
    plans = [(case, each) for case, each in found if isinstance(each, Plan)]

    # So short a search gives up on many; how many are planned is for `nox -s steps` to tell.
    assert len(plans) >= SAMPLE / 3
    for case, each in plans:
        assert list(judged_by_brute_force(case, each)) == [], case.name


@pytest.mark.parametrize(("old", "new"), [("DISABLE", "STRICT"), ("STRICT", "DISABLE")])
def test_between_disable_and_strict_clients_are_held_and_servers_soften(old: str, new: str) -> None:
    found = planned([mode(old)], [mode(new)])

    assert isinstance(found, Plan)
    purposes = [step.purposes for step in found.steps]
    assert {(Purpose.HOLD,), (Purpose.SOFTEN,), (Purpose.RELEASE,), (Purpose.SERVERS,)} >= set(
        purposes
    )
    assert len(purposes) == 4
    assert all(step.effect.is_safe for step in found.steps)
    assert not any(step.exposed for step in found.steps)


def test_from_permissive_to_strict_clients_come_first() -> None:
    plaintext = destination_rule("c", "b", "cart", "DISABLE")
    mutual = destination_rule("c", "b", "cart", "ISTIO_MUTUAL")

    found = planned([mode("PERMISSIVE"), plaintext], [mode("STRICT"), mutual])

    assert isinstance(found, Plan)
    assert [step.purposes for step in found.steps] == [(Purpose.CLIENTS,), (Purpose.SERVERS,)]


def test_a_safe_change_is_its_own_plan() -> None:
    found = planned([], [mode("STRICT")])

    assert isinstance(found, Plan)
    assert [edit.action for edit in found.steps[0].edits] == ["create"]


def test_a_subset_is_there_before_its_route_in_a_plan() -> None:
    def rule(tls: str, *names: str) -> Any:
        subsets = [{"name": name, "labels": {"app": "cart"}} for name in names]
        return destination_rule("c", "b", "cart", tls, subsets=subsets)

    def route(subset: str) -> Any:
        destination = {"host": "cart", "subset": subset}
        return istio(
            "VirtualService", "v", "b", hosts=["cart"],
            http=[{"route": [{"destination": destination}]}],
        )  # fmt: skip

    before = [mode("PERMISSIVE"), rule("DISABLE", "old"), route("old")]
    after = [mode("STRICT"), rule("ISTIO_MUTUAL", "new"), route("new")]
    found = planned(before, after)

    assert isinstance(found, Plan)
    for here, there in itertools.pairwise([before, *(s.policies for s in found.steps)]):
        had, has = (names(each) for each in (here, there))
        wanted = [value(each)["spec"]["http"][0]["route"][0]["destination"]["subset"]
                  for side in (here, there) for each in side
                  if value(each)["kind"] == "VirtualService"]  # fmt: skip
        assert set(wanted) <= had & has


def names(policies: Sequence[Any]) -> set[str]:
    return {
        subset["name"] for each in policies for subset in value(each)["spec"].get("subsets", ())
    }


def value(each: Any) -> Any:
    return each.value if isinstance(each, Resource) else each


def test_no_step_opens_what_is_closed_at_both_ends() -> None:
    # Were it made PERMISSIVE on the way, the namespace would be open, though it is STRICT twice.
    own = peer_authentication("own", "b", "STRICT")
    found = planned(
        [mode("DISABLE"), own, destination_rule("c", "b", "*.svc.cluster.local", "ISTIO_MUTUAL")],
        [mode("STRICT"), destination_rule("c", "b", "*.svc.cluster.local", "ISTIO_MUTUAL")],
    )

    assert isinstance(found, Plan)
    for step in found.steps:
        assert not [each for each in step.effect.loosened if each.namespace == "b"]


def test_no_step_lets_in_what_both_ends_deny() -> None:
    def deny(name: str, place: str) -> Resource:
        rule = {"from": [{"source": {"namespaces": [place]}}]}
        spec = {"action": "DENY", "rules": [rule]}
        return Resource.of(
            thing("security.istio.io/v1", "AuthorizationPolicy", name, "b", spec=spec)
        )

    oracle = Oracle(([deny("old", "a")], [deny("new", "a")]), SHOP, MeshFacts())

    # Both together deny as each end does; none at all opens.
    assert oracle.holds(oracle.state([deny("old", "a"), deny("new", "a")]))
    assert not oracle.holds(oracle.state([]))
    # What one of the ends lets in may come early, or stay late.
    other = Oracle(([deny("old", "a")], [deny("new", "b")]), SHOP, MeshFacts())
    assert other.holds(other.state([deny("old", "a"), deny("new", "b")]))
    assert other.holds(other.state([]))


def test_what_the_inventory_does_is_no_matter_of_steps() -> None:
    before, after = shop(mode("DISABLE")), shop(mode("STRICT"))
    same = [Resource.of(mode("STRICT"))]

    found = plan(same, same, SHOP, MeshFacts(), whole=effect(before, after))

    assert isinstance(found, NoPlan)
    assert found.why is NoPlanReason.NOT_POLICY


def test_a_search_that_is_cut_short_says_so() -> None:
    found = planned([mode("DISABLE")], [mode("STRICT")], limit=1)

    assert isinstance(found, NoPlan)
    assert found.why is NoPlanReason.GAVE_UP
    assert "1 at most" in found.reason


def test_where_one_port_needs_plaintext_and_another_endpoint_mtls_there_is_no_way() -> None:
    # Both workloads stand behind one port: whatever clients are held to, one of them refuses.
    closed = peer_authentication("closed", "b", "STRICT", selector={"version": "one"})

    def other(text: str) -> Any:
        return peer_authentication("other", "b", text, selector={"version": "two"})

    found = planned(
        [closed, other("DISABLE")], [closed, other("STRICT")], *map(twin, ("one", "two"))
    )

    assert isinstance(found, NoPlan)
    assert found.why is NoPlanReason.NO_WAY


def twin(version: str) -> Resource:
    return Resource.of(deployment(f"cart-{version}", "b", {"app": "cart", "version": version}))


def test_reports_escape_what_manifests_say() -> None:
    hostile = destination_rule(HOSTILE, "b", "cart", "DISABLE", note=HOSTILE)
    found = planned([mode("DISABLE"), hostile], [mode("STRICT")])
    assert isinstance(found, Plan)
    steps = Steps(HOSTILE, "head", [EnvironmentSteps(HOSTILE, found)], [HOSTILE])

    text = FORMATS["text"]([steps], Options(color=False))
    page = FORMATS["markdown"]([steps], Options())

    assert "step 1 of" in text
    assert "\x1b" not in text
    assert "\x1b" not in page
    assert "script" not in Page(rendered(page)).tags


def test_a_plan_says_what_to_wait_for_before_servers_refuse_plaintext() -> None:
    found = planned([mode("DISABLE")], [mode("STRICT")])
    assert isinstance(found, Plan)
    steps = Steps("base", "head", [EnvironmentSteps("dev", found)])

    page = FORMATS["markdown"]([steps], Options())

    assert any(each.after.mode is Mode.STRICT for each in found.steps[-1].effect.ports)
    assert page.count("proxy-status") == len(found.steps) - 1
    assert page.count("no client sends plaintext") == 1
