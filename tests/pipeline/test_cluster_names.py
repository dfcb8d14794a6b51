"""Clusters that could be of two environments are found, however many environments there are."""

from __future__ import annotations

import itertools
import random

import pytest

from meshgate.errors import UsageError
from meshgate.model import Environment
from meshgate.model.environment import ClusterSelection
from meshgate.pipeline import cluster_names
from meshgate.pipeline.cluster_names import overlap, refuse_overlaps


def environment(name: str, *names: str) -> Environment:
    clusters = ClusterSelection(selector={"env": name}, names=names) if names else None
    return Environment(name=name, overlay=f"overlays/{name}", clusters=clusters)


def first_of_all_pairs(environments: list[Environment]) -> str | None:
    """Compares each with each, as they stand."""
    for one, other in itertools.combinations(environments, 2):
        own, others = cluster_names.cluster_names(one), cluster_names.cluster_names(other)
        for first, second in itertools.product(own, others):
            if overlap(first, second):
                return f"could be of {one.name} ({first}) and of {other.name} ({second})"
            if overlap(f"{one.name}-{first}", f"{other.name}-{second}"):
                return f"of {one.name} ({first}) could be called like that of one of {other.name}"
    return None


def test_the_first_of_all_pairs_is_told() -> None:
    chance = random.Random(7)
    told = 0
    for _ in range(2_000):
        names = chance.sample(["a", "ab", "a-b", "b", "c-a", "abc"], chance.randint(2, 4))
        environments = [
            environment(
                name,
                *("".join(chance.choices("ab-*", k=chance.randint(1, 4))) for _ in range(count)),
            )
            for name in names
            for count in (chance.randint(0, 2),)
        ]
        expected = first_of_all_pairs(environments)
        if expected is None:
            refuse_overlaps(environments)
            continue
        told += 1
        with pytest.raises(UsageError) as caught:
            refuse_overlaps(environments)
        assert expected in caught.value.what
    assert 200 < told < 1_900


def test_many_are_not_compared_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counted(one: str, other: str) -> bool:
        nonlocal compared
        compared += 1
        return overlap(one, other)

    monkeypatch.setattr(cluster_names, "overlap", counted)
    refuse_overlaps([environment(f"env-{number}") for number in range(2_000)])
    # Each with those that begin its name, such as env-1 of env-1234; not with 1,999 others.
    assert compared < 2_000 * 2 * 2 * 8
