"""CA009 says to move the rule only where it then reaches every client."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import destination_rule, mesh
from meshgate.rules.ca009_subset_out_of_reach import is_for_all, rules_with

HOST = "lamp.north.svc.cluster.local"
SUBSETS = [{"name": "v1", "labels": {"version": "v1"}}]


@pytest.mark.parametrize(
    ("spec", "default", "expected"),
    [
        ({}, ["*"], True),
        ({}, ["."], False),
        ({"exportTo": ["*"]}, ["."], True),
        ({"exportTo": ["south"]}, ["*"], False),
        ({"workloadSelector": {"matchLabels": {"app": "moth"}}}, ["*"], False),
        ({"workloadSelector": {"matchLabels": {}}}, ["*"], False),
    ],
)
def test_whether_every_client_that_finds_a_rule_may_have_it(
    spec: dict[str, Any], default: list[str], *, expected: bool
) -> None:
    model = mesh(
        destination_rule("lamp", "default", HOST, subsets=SUBSETS, **spec),
        default_destination_rule_export_to=tuple(default),
    )

    assert is_for_all(rules_with(model, HOST, "v1"), model.facts) is expected
