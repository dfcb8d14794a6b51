"""NetworkPolicies as reports tell them: explanations, repairs, changes, JSON, posture."""

from __future__ import annotations

import pytest

from meshes import (
    Object,
    deployment,
    thing,
)
from meshgate.effect import CallChange, Effect, effect
from meshgate.effect.verdicts import Change
from meshgate.mesh import Mesh, Outcome
from meshgate.report import Options, calls, posture
from meshgate.report.explain import page as explain
from meshgate.report.view import View
from meshgate.yamldoc.reading import documents
from network_policy_cluster import (
    cluster,
    ends,
    explained,
    from_,
    places,
    pods,
    policy,
)

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
    explanation = explained(model)
    written = [repair.manifest for repair in explanation.repairs]

    assert explain.outcomes(explanation) == ["blocked"]
    assert len(written) == count
    mended = cluster(*policies, *map(yaml, written), plane=plane)
    assert ends(mended)["a/ui"] is Outcome.OK_MTLS
    others = {client: end for client, end in ends(model).items() if client != "a/ui"}
    assert {client: end for client, end in ends(mended).items() if client != "a/ui"} == others
    text = explain.text([explanation], Options(width=100))
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

    def changes(*both: Object) -> list[tuple[str, Change, bool]]:
        found = effect(*(cluster(spare, each) for each in both))
        calls_ = (*found.calls, *found.open_calls)
        assert {str(each.endpoint) for each in calls_} <= {"b/spare:8080"}
        return [(each.clients.label, each.change, each.decided) for each in calls_]

    anybody = "anybody who proves no identity"
    assert changes(shut, wide) == [(anybody, Change.OPENED, True)]
    assert changes(wide, shut) == [(anybody, Change.CLOSED, True)]
    assert changes(shut, named) == [(anybody, Change.OPENED, True)]
    assert changes(named, other) == [(anybody, Change.OPENED, False)]
    assert changes(other, named) == []
    assert changes(named, named) == []


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


def yaml(text: str) -> Object:
    (found,) = documents(text, "repair")
    assert isinstance(found.value, dict)
    return found.value
