"""Paths, resource parts and waivers."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgate.model import (
    Report,
    Resource,
    ResourceIndex,
    ResourceRef,
    Severity,
    Waiver,
    join_path,
    split_path,
    value_at,
)

PARTS = st.lists(st.one_of(st.text(min_size=1), st.integers(min_value=0, max_value=99)), min_size=1)


@given(PARTS)
def test_a_path_splits_into_what_it_was_joined_from(parts: list[str | int]) -> None:
    assert split_path(join_path(*parts)) == parts


def test_paths_read_like_a_person_writes_them() -> None:
    assert join_path("spec", "subsets", 0, "tls") == "spec.subsets[0].tls"
    assert join_path("metadata", "labels", "a.b/c") == 'metadata.labels["a.b/c"]'


def test_value_at_a_path_that_leads_nowhere_is_none() -> None:
    value = {"spec": {"subsets": [{"name": "v1"}]}}

    assert value_at(value, "spec.subsets[0].name") == "v1"
    assert value_at(value, "spec.subsets[3].name") is None
    assert value_at(value, "spec.subsets.name") is None
    assert value_at(value, "status.x") is None


@pytest.mark.parametrize("metadata", [None, [], "text", {"name": 3, "namespace": []}])
def test_a_resource_reads_parts_of_the_wrong_type_as_empty(metadata: object) -> None:
    resource = Resource.of({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": 3})

    assert resource.spec == {}
    assert resource.labels == {}
    assert resource.namespace is None


def test_group_of_core_and_named_groups() -> None:
    assert Resource.of({"apiVersion": "v1", "kind": "Service"}).group == ""
    assert Resource.of({"apiVersion": "a.b/v1", "kind": "X"}).group == "a.b"


def test_the_index_gives_kinds_in_the_order_given() -> None:
    a, b, c = (Resource.of({"kind": kind}) for kind in ("A", "B", "A"))

    assert list(ResourceIndex([a, b, c]).of("A")) == [a, c]
    assert list(ResourceIndex([a, b, c]).of("Z")) == []


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("spec.portLevelMtls.9102", True),
        ("spec.portLevelMtls.9102.mode", True),
        ("spec.portLevelMtls.91023", False),
        ("spec.portLevelMtls", False),
    ],
)
def test_a_waiver_covers_its_path_and_what_is_below(path: str, *, covered: bool) -> None:
    waiver = Waiver(
        rule="PA002",
        resource="PeerAuthentication/boards/metrics",
        owner="team",
        reason="scraped",
        expires=datetime.date(2027, 1, 1),
        path="spec.portLevelMtls.9102",
    )
    metrics = ResourceRef("security.istio.io/v1", "PeerAuthentication", "boards", "metrics")
    other = metrics._replace(name="other")

    assert waiver.covers("PA002", metrics, path) is covered
    assert not waiver.covers("PA001", metrics, path)
    assert not waiver.covers("PA002", other, path)
    assert not waiver.covers("PA002", None, path)


def test_an_empty_report_counts_nothing() -> None:
    assert Report(findings=()).count(Severity.ERROR) == 0
    assert Report(findings=()).undecided == 0
