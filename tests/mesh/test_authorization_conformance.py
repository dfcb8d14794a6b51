"""The authorization model answers every request of the cases as Istio's own code does."""

from __future__ import annotations

import copy
import gzip
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance import run
from conformance.authorization import RequestTally, compare_authorization
from conformance.compare import Row, cases, lines_of
from conformance.mismatch import Mismatch
from places import TESTS
from samples import WHOLE, in_sample

pytestmark = pytest.mark.sampled

CONFORMANCE = TESTS / "conformance"
HAND = CONFORMANCE / "authz-hand.jsonl.gz"
# Cases and requests of the files that nobody regenerates: a cut file must not pass.
SIZES = {"authz-hand": RequestTally(196, 1034), "authz-dev": RequestTally(800, 116012)}
# Of so many cases one is compared here, and of the files that are not named each case is.
SAMPLED = {"authz-dev": 8}
# Corner cases by the sections of the specification of authorization.
SECTIONS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"]


class Compared(NamedTuple):
    """A file's cases by what their names begin with, and what the model answers differently."""

    cases: dict[str, set[str]]
    mismatches: list[Mismatch]
    size: RequestTally


@cache
def compared(name: str) -> Compared:
    """A file, compared once."""
    groups: dict[str, set[str]] = defaultdict(set)
    mismatches: list[Mismatch] = []
    size = RequestTally()
    every = SAMPLED.get(name, 1)
    for case in cases(CONFORMANCE / f"{name}.jsonl.gz", lambda line: in_sample(line, every)):
        size = size.plus(case)
        groups[case["id"].split("-")[0]].add(case["id"])
        mismatches += compare_authorization(case)
    return Compared(groups, mismatches, size)


def first_ten(mismatches: list[Mismatch]) -> str:
    return "\n".join(map(str, mismatches[:10]))


@pytest.mark.parametrize("profile", ["authorization", "ztunnel"])
def test_cases_of_the_oracle(profile: str) -> None:
    answered = compared(profile)
    assert answered.size.cases == 50
    assert not first_ten(answered.mismatches)


@pytest.mark.parametrize("section", SECTIONS)
def test_corner_cases(section: str) -> None:
    hand = compared("authz-hand")
    own = hand.cases[section]
    assert own
    assert not first_ten([mismatch for mismatch in hand.mismatches if mismatch.case in own])


@pytest.mark.parametrize(("plane", "count"), [("dev", 740), ("ambient", 60)])
def test_random_meshes(plane: str, count: int) -> None:
    random = compared("authz-dev")
    own = random.cases[plane]
    assert len(own) == count if WHOLE else len(own) > count / SAMPLED["authz-dev"] / 2
    assert not first_ten([mismatch for mismatch in random.mismatches if mismatch.case in own])


@pytest.mark.parametrize("name", sorted(SIZES))
def test_no_request_is_lost(name: str) -> None:
    assert sum(1 for _ in lines_of(CONFORMANCE / f"{name}.jsonl.gz")) == SIZES[name].cases
    found = compared(name).size
    if WHOLE or name not in SAMPLED:
        assert found == SIZES[name]
    else:
        assert found.requests > SIZES[name].requests / SAMPLED[name] / 2


def hand_case(name: str) -> Row:
    return next(case for case in cases(HAND) if case["id"] == name)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("transport", "plaintext"),
        ("sni", "outbound_.81_._.s.b.svc.cluster.local"),
        ("chain", "tcp"),
        ("outcomes", ["deny"]),
        ("matched", [[]]),
    ],
)
def test_a_wrong_row_is_told(field: str, wrong: object) -> None:
    case = copy.deepcopy(hand_case("1-empty-rule"))
    assert not list(compare_authorization(case))
    case["expect"]["asks"][0][field] = wrong
    assert len(list(compare_authorization(case))) == 1


def test_a_wrong_list_of_dropped_policies_is_told() -> None:
    case = copy.deepcopy(hand_case("2-bad-port"))
    case["expect"]["dropped"] = []
    assert [mismatch.what for mismatch in compare_authorization(case)] == ["dropped"]


def test_the_runner_tells_both_kinds_of_file_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = hand_case("1-empty-rule")
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(case).encode()))
    requests = sum(len(row["outcomes"]) for row in case["expect"]["asks"])
    assert run.main([str(path)]) == 0
    assert capsys.readouterr().out == f"1 cases, {requests} requests, 0 mismatches\n"
    case["expect"]["asks"][0]["outcomes"] = ["deny"]
    path.write_bytes(gzip.compress(json.dumps(case).encode()))
    assert run.main([str(path)]) == 1
    assert capsys.readouterr().out.endswith(f"1 cases, {requests} requests, 1 mismatches\n")
