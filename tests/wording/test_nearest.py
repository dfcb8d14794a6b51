"""The nearest known name is the one that a person meant."""

from __future__ import annotations

import itertools

import pytest

from meshgate.rules import RULES
from meshgate.wording.nearest import hint, nearest

IDS = [rule.id for rule in RULES]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PA01", "PA001"),
        ("pa01", "PA001"),
        ("PA0001", "PA001"),
        ("DR2", "DR002"),
        ("XY999", None),
    ],
)
def test_the_rule_that_was_meant(name: str, meant: str | None) -> None:
    assert nearest(name, IDS) == meant


def test_the_order_of_the_known_names_does_not_matter() -> None:
    names = ["PA001", "PA010", "PA014"]

    assert {nearest("PA01", order) for order in itertools.permutations(names)} == {"PA001"}


def test_a_name_that_another_one_begins_with() -> None:
    assert nearest("production", ["prod", "dev"]) == "prod"
    assert nearest("production", ["pr"]) is None


def test_what_is_known_is_said_where_nothing_is_like_it() -> None:
    assert hint("zzz", ["dev", "prod"]) == "known: dev, prod"
    assert hint("zzz", [], "add one") == "add one"
