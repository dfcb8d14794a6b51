"""The mesh model answers every row of the cases as Istio's own code does."""

from __future__ import annotations

import copy
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance import run
from conformance.compare import Row, cases, compare, lines_of, transport_files
from conformance.mismatch import Mismatch
from places import TESTS
from samples import WHOLE, in_sample

pytestmark = pytest.mark.sampled

CONFORMANCE = TESTS / "conformance"
FILES = transport_files(CONFORMANCE)
# Cases and rows of the files that nobody regenerates: a cut file must not pass.
SIZES = {
    "hand": (118, 821, 534),
    "dev": (2000, 34368, 110578),
    # Random meshes of fresh seeds in which the model was wrong once, and those like them.
    "regressions": (15, 366, 1611),
}
# Of so many cases one is compared here, and of the files that are not named each case is.
SAMPLED = {"dev": 12, **dict.fromkeys(set(FILES) - set(SIZES), 4)}
DEV_FEATURES = (
    "exportTo",
    "headless",
    "subsets",
    "dr-duplicate",
    "direct-pod-ip-call",
    "serviceentry",
    "tls-empty",
    "workloadSelector",
    "named-targetport-differs",
    "never-matching-host",
    "credentialName",
    "mtls-empty",
    "root-selector",
    "selector-empty",
    "root-not-istio-system",
    "none of these",
)


class Compared(NamedTuple):
    """A file's cases by feature, and what the model answers differently."""

    features: dict[str, set[str]]
    mismatches: list[Mismatch]
    size: tuple[int, int, int]


@pytest.fixture(scope="module")
def compared() -> dict[str, Compared]:
    """Every file, each compared once."""
    return {}


def comparison(name: str, compared: dict[str, Compared]) -> Compared:
    if name not in compared:
        features: dict[str, set[str]] = defaultdict(set)
        mismatches: list[Mismatch] = []
        servers = calls = count = 0
        every = SAMPLED.get(name, 1)
        for case in cases(FILES[name], lambda line: in_sample(line, every)):
            count += 1
            servers += len(case["expect"]["server"])
            calls += len(case["expect"]["calls"])
            for feature in features_of(name, case):
                features[feature].add(case["id"])
            mismatches += compare(case)
        compared[name] = Compared(features, mismatches, (count, servers, calls))
    return compared[name]


def features_of(name: str, case: Row) -> list[str]:
    if name == "hand":
        # The section of the specification that the case is about.
        return [case["id"].split("-")[0]]
    return [tag for tag in case.get("tags", []) if tag in DEV_FEATURES] or ["none of these"]


def first_ten(mismatches: list[Mismatch]) -> str:
    return "\n".join(map(str, mismatches[:10]))


@pytest.mark.parametrize("section", ["1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "3"])
def test_corner_cases(section: str, compared: dict[str, Compared]) -> None:
    found = comparison("hand", compared)
    own = found.features[section]
    assert own
    assert not first_ten([each for each in found.mismatches if each.case in own])


@pytest.mark.parametrize("feature", DEV_FEATURES)
def test_random_meshes(feature: str, compared: dict[str, Compared]) -> None:
    found = comparison("dev", compared)
    own = found.features[feature]
    assert own
    assert not first_ten([each for each in found.mismatches if each.case in own])


@pytest.mark.parametrize("name", sorted(set(FILES) - {"hand", "dev"}))
def test_own_oracle(name: str, compared: dict[str, Compared]) -> None:
    found = comparison(name, compared)
    assert found.size == SIZES[name] if name in SIZES else found.size[0] >= (50 if WHOLE else 4)
    assert not first_ten(found.mismatches)


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_case_is_lost(name: str) -> None:
    count = sum(1 for _ in lines_of(FILES[name]))
    assert count == SIZES[name][0] if name in SIZES else count >= 50


@pytest.mark.parametrize("name", sorted(SIZES))
def test_no_row_is_lost(name: str, compared: dict[str, Compared]) -> None:
    found = comparison(name, compared).size
    if WHOLE or name not in SAMPLED:
        assert found == SIZES[name]
    else:
        assert all(
            part > whole / SAMPLED[name] / 2 for part, whole in zip(found, SIZES[name], strict=True)
        )


def hand_case(name: str) -> Row:
    return next(case for case in cases(FILES["hand"]) if case["id"] == name)


@pytest.mark.parametrize(
    ("table", "field", "wrong"),
    [
        ("server", "mode", "STRICT"),
        ("client", "tls", "SIMPLE"),
        ("client", "discovery", "ORIGINAL_DST"),
        ("client", "destinationRule", ["b/other"]),
        ("client", "endpoints", []),
        ("calls", "outcome", "refused"),
    ],
)
def test_a_wrong_row_is_told(table: str, field: str, wrong: object) -> None:
    case = copy.deepcopy(hand_case("1.1-0-no-policy"))
    assert not list(compare(case))
    case["expect"][table][0][field] = wrong
    assert len(list(compare(case))) == 1


def test_a_wrong_sidecar_is_told() -> None:
    case = copy.deepcopy(hand_case("1.1-0-no-policy"))
    case["workloads"][0]["sidecar"] = False
    assert [each.what for each in compare(case)] == ["sidecar of b/s-v1"]


def test_the_runner_tells_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = hand_case("1.1-0-no-policy")
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(case).encode()))
    assert run.main([str(path)]) == 0
    assert capsys.readouterr().out == "1 cases, 7 servers, 6 calls, 0 mismatches\n"
    case["expect"]["calls"][0]["outcome"] = "refused"
    path.write_bytes(gzip.compress(json.dumps(case).encode()))
    assert run.main([str(path)]) == 1
    told = capsys.readouterr().out
    assert told.endswith("1 cases, 7 servers, 6 calls, 1 mismatches\n")
    assert "expected refused\n  answered ok-mtls" in told


def test_a_run_of_nothing_fails(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl.gz"
    path.write_bytes(gzip.compress(b""))
    assert run.main([str(path)]) == 1
