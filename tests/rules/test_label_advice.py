"""PA005 says which label was meant by one that no workload has."""

from __future__ import annotations

import datetime

import pytest

from conftest import TODAY
from meshes import deployment, mesh, namespace, peer_authentication
from meshgate.model import Environment, ResourceIndex
from meshgate.rules.context import Context
from meshgate.rules.judge import judge
from meshgate.rules.pa005_unmatched_selector import RULE

LABELS = {"app.kubernetes.io/name": "cart", "tier": "backend"}


@pytest.mark.parametrize(
    ("selector", "advice"),
    [
        ({"app.kubernetes.io/name": "crat"}, "did you mean `app.kubernetes.io/name: cart`?"),
        ({"app.kubernetes.io/name": "Cart"}, "did you mean `app.kubernetes.io/name: cart`?"),
        ({"app.kubernetes.io/nmae": "cart"}, "did you mean the label `app.kubernetes.io/name`?"),
        ({"Tier": "backend"}, "did you mean the label `tier`?"),
        ({"tier": "backnd", "app.kubernetes.io/name": "cart"}, "did you mean `tier: backend`?"),
        ({"tier": "frontend"}, RULE.fix),
        ({"zone": "a"}, RULE.fix),
        # Each label is some workload's, and no workload has both.
        ({"app.kubernetes.io/name": "cart", "tier": "web"}, RULE.fix),
    ],
)
def test_the_label_that_was_meant(selector: dict[str, str], advice: str) -> None:
    model = mesh(
        namespace("shop"),
        deployment("cart", "shop", LABELS),
        deployment("ui", "shop", {"app.kubernetes.io/name": "ui", "tier": "web"}),
        peer_authentication("strict", "shop", "STRICT", selector=selector),
    )
    context = Context(
        environment=Environment(name="prod", mesh=model.facts),
        resources=ResourceIndex([policy.resource for policy in model.peer_policies.all.values()]),
        today=datetime.date.fromisoformat(TODAY),
        mesh=model,
    )

    (finding,) = judge(context, [RULE], lambda *_: None)

    assert finding.fix == advice
