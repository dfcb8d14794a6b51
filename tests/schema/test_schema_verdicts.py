"""Verdicts on thousands of objects, computed by Istio's own code, and meshgate's beside them.

`schema/verdicts.jsonl.gz` holds objects that were mutated from Istio's test data and samples, and
what Istio 1.31 says of each: `crd` is the API server's answer (Kubernetes' own structural schemas,
list types and CEL over Istio's CRDs, unknown fields refused), `webhook` that of istiod's
validation functions. Left out are objects on which Istio's answer hangs on the order of a Go map.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import NamedTuple

import pytest

from meshgate.model import JSONObject, Resource, SchemaViolation, split_path
from meshgate.schema import check
from places import TESTS

VERDICTS = TESTS / "schema" / "verdicts.jsonl.gz"
CRD_RULES = {"SH002", "SH003"}


class Verdict(NamedTuple):
    """What Istio says of one object: whether each of the two gates lets it pass."""

    crd: bool
    webhook: bool
    value: JSONObject


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    with gzip.open(VERDICTS, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    return [Verdict(case["crd"], case["webhook"], case["object"]) for case in cases]


@pytest.fixture(scope="module")
def found(verdicts: list[Verdict]) -> list[list[SchemaViolation]]:
    """The violations of each object, in the order of the verdicts."""
    resources = [Resource.of(verdict.value) for verdict in verdicts]
    by_resource: dict[int, list[SchemaViolation]] = {id(resource): [] for resource in resources}
    for violation in check(resources, istio="1.31", engine="jsonschema", allowed=None):
        by_resource[id(violation.resource)].append(violation)
    return list(by_resource.values())


def test_the_api_server_agrees(verdicts: list[Verdict], found: list[list[SchemaViolation]]) -> None:
    wrong = [
        (verdict.value, violations)
        for verdict, violations in zip(verdicts, found, strict=True)
        if verdict.crd is any(violation.rule in CRD_RULES for violation in violations)
    ]

    assert wrong == []


def test_the_webhook_agrees_on_what_the_api_server_lets_pass(
    verdicts: list[Verdict], found: list[list[SchemaViolation]]
) -> None:
    wrong = [
        (verdict.value, violations)
        for verdict, violations in zip(verdicts, found, strict=True)
        if verdict.crd and verdict.webhook is any(v.rule == "SH004" for v in violations)
    ]

    assert wrong == []


def test_every_kind_has_both_answers(verdicts: list[Verdict]) -> None:
    answers = Counter((v.value["kind"], v.webhook) for v in verdicts if v.crd)
    kinds = {kind for kind, _ in answers}

    assert len(kinds) == 15
    assert all(answers[kind, True] >= 10 for kind in kinds)
    assert all(answers[kind, False] for kind in kinds)


def test_a_path_leads_to_something_or_to_the_place_it_is_missing_from(
    found: list[list[SchemaViolation]],
) -> None:
    for violations in found:
        for violation in violations:
            assert violation.path == "" or reaches(violation.resource.value, violation.path)


def reaches(value: JSONObject, path: str) -> bool:
    """Whether a path ends in the object; its last part may be missing (a port of a server)."""
    node: object = value
    parts = split_path(path)
    for index, part in enumerate(parts):
        try:
            node = node[part]  # type: ignore[index] # a path that is there
        except (KeyError, IndexError, TypeError):
            return index == len(parts) - 1
    return True
