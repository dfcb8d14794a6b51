"""What a hotfix owes, value by value: which values it sets, and which objects have them."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from meshgate.model import JSON, Resource
from meshgate.promotion.backport import facts_between, missing_facts
from meshgate.promotion.environment_state import Fact, PendingBackport
from meshgate.promotion.hotfix import pending_facts
from promotion_samples import BEFORE


def gateway(name: str = "a", **spec: JSON) -> Resource:
    value = {"kind": "Gateway", "metadata": {"name": name, "namespace": "b"}, "spec": spec}
    return Resource.of(value)


NAME = "Gateway/b/a"
BASE = gateway(host="x", ports=[1, 2])


def facts(before: Resource | None, after: Resource | None) -> list[tuple[str, JSON, bool]]:
    """What is set between two versions of one object."""
    found = facts_between([before] if before else [], [after] if after else [])
    assert {fact.resource for fact in found} <= {NAME}
    return [(fact.pointer, fact.value, fact.absent) for fact in found]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (BASE, []),
        (gateway(host="y", ports=[1, 2]), [("/spec/host", "y", False)]),
        (gateway(host="x", ports=[1, 2], new=None), [("/spec/new", None, False)]),
        (gateway(ports=[1, 2]), [("/spec/host", None, True)]),
        (gateway(host="x", ports=[1]), [("/spec/ports/1", None, True)]),
        (gateway(host="x", ports=[2, 2]), [("/spec/ports/0", 2, False)]),
        # What was a value and is a mapping is shown by what is below it, and only then.
        (gateway(host={"a/b": 1}, ports=[1, 2]), [("/spec/host/a~1b", 1, False)]),
        (
            gateway(hosts=1, ports=[1, 2]),
            [("/spec/host", None, True), ("/spec/hosts", 1, False)],
        ),
        # An empty mapping is a value.
        (
            gateway(host={}, ports=[1, 2]),
            [("/spec/host", {}, False)],
        ),
    ],
)
def test_what_is_set_between_two_versions(
    after: Resource, expected: list[tuple[str, JSON, bool]]
) -> None:
    assert facts(BASE, after) == expected


def test_an_object_that_goes_is_one_value_and_one_that_comes_is_all_of_its_own() -> None:
    assert facts(BASE, None) == [("", None, True)]
    assert [pointer for pointer, _, _ in facts(None, BASE)] == [
        "/kind",
        "/metadata/name",
        "/metadata/namespace",
        "/spec/host",
        "/spec/ports/0",
        "/spec/ports/1",
    ]


def test_values_are_in_the_order_of_objects_and_fields() -> None:
    found = facts_between([], [gateway("z", a=1), gateway("a", b=1, a=1)])

    assert [(fact.resource, fact.pointer) for fact in found] == sorted(
        (fact.resource, fact.pointer) for fact in found
    )


@pytest.mark.parametrize(
    ("pointer", "value", "absent", "holds"),
    [
        ("/spec/host", "x", False, True),
        ("/spec/host", "y", False, False),
        ("/spec/none", None, False, False),
        ("/spec/none", None, True, True),
        ("/spec/host", None, True, False),
        ("/spec/ports/1", 2, False, True),
        ("/spec/ports/2", None, True, True),
        ("/spec/ports/9", None, True, True),
        ("/spec/ports/x", None, True, True),
        ("/spec/host/deeper", None, True, True),
        ("/spec/8080", 1, False, False),
    ],
)
def test_what_an_object_has(pointer: str, value: JSON, *, absent: bool, holds: bool) -> None:
    fact = Fact(NAME, pointer, value, absent=absent)

    assert missing_facts([fact], [BASE]) == ([] if holds else [fact])


@pytest.mark.parametrize("key", ["a/b", "a~b", "a~1b", "8080"])
def test_a_key_is_found_however_it_is_written(key: str) -> None:
    """A key with the signs of a pointer, and a port that is text or a number."""
    (fact,) = facts_between([gateway(m={"k": 1})], [gateway(m={"k": 1, key: 2})])

    assert missing_facts([fact], [gateway(m={key: 2})]) == []
    assert missing_facts([fact], [gateway(m={"k": 1})]) == [fact]
    if key.isdecimal():
        number = Resource.of({**BASE.value, "spec": {"m": {int(key): 2}}})
        assert missing_facts([fact], [number]) == []


def test_an_object_that_is_gone_lacks_every_value_and_has_its_absence() -> None:
    value, absence = Fact(NAME, "/spec/host", "x"), Fact(NAME, "", None, absent=True)

    assert missing_facts([value, absence], []) == [value]
    assert missing_facts([value, absence], [BASE]) == [absence]


def test_a_second_hotfix_owes_what_the_first_does_and_it_does_not_change() -> None:
    first = (Fact("A", "/a", 1), Fact("A", "/b", 1), Fact("B", "/a", 1))
    owing = structs.replace(
        BEFORE, pending_backport=PendingBackport("r", first, dt.date(2026, 9, 1))
    )
    second = (Fact("A", "/b", 2), Fact("A", "/0", 2))

    assert pending_facts(owing, second) == (
        Fact("A", "/0", 2),
        Fact("A", "/a", 1),
        Fact("A", "/b", 2),
        Fact("B", "/a", 1),
    )
    assert pending_facts(BEFORE, second) == (second[1], second[0])
