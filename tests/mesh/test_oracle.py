"""The oracle's generator and runner, as far as they need no Go."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.oracle import program, run
from conformance.oracle.generate import COMMON, cases
from conformance.oracle.profiles import PROFILES
from places import REPOSITORY, TESTS

pytestmark = pytest.mark.sampled(every=3)

Case = dict[str, Any]

# The seed that the committed files were made with.
SEED = 1
POLICY_SCHEMA = REPOSITORY / "schemas/istio/1.31/security.istio.io/authorizationpolicy.json"


def committed(profile: str) -> list[Case]:
    with gzip.open(TESTS / "conformance" / f"{profile}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def objects(case: Case, kind: str) -> list[Case]:
    return [each for each in case["resources"] if each["kind"] == kind]


def any_object(kind: str, has: Callable[[Case], object]) -> Callable[[Case], bool]:
    return lambda case: any(has(each) for each in objects(case, kind))


def judgements(case: Case) -> set[str]:
    return {outcome for row in case["expect"]["asks"] for outcome in row["outcomes"]}


SHOWS: dict[str, Callable[[Case], object]] = {
    "sidecar": lambda case: objects(case, "Sidecar"),
    "virtualservice": lambda case: any(
        destination["subset"]
        for row in case["expect"].get("routes", ())
        for destination in row["destinations"]
    ),
    "gateway": lambda case: case["expect"].get("gateways"),
    "workloadentry": lambda case: objects(case, "WorkloadEntry"),
    "serviceentry": any_object(
        "ServiceEntry",
        lambda each: each["spec"].get("exportTo") or each["spec"].get("workloadSelector"),
    ),
    "revision": any_object("DestinationRule", lambda each: each["metadata"].get("labels")),
    "discovery": lambda case: case["mesh"]["discoverySelectors"],
    "defaultexport": lambda case: case["mesh"]["defaultDestinationRuleExportTo"],
    "domain": lambda case: case["mesh"]["clusterDomain"] != "cluster.local",
    "externalname": lambda case: case["expect"].get("aliases"),
    "serviceexport": any_object("Service", lambda each: each["metadata"].get("annotations")),
    "notready": lambda case: any(each.get("ready") is False for each in case["workloads"]),
    "shapes": any_object(
        "Service", lambda each: any("appProtocol" in port for port in each["spec"]["ports"])
    ),
    "ambient": lambda case: any(each.get("plane") == "ambient" for each in case["workloads"]),
    "sharedhost": any_object(
        "ServiceEntry", lambda each: any(".svc." in host for host in each["spec"]["hosts"])
    ),
    "authorization": lambda case: {"allow", "deny"} <= judgements(case),
    "ztunnel": lambda case: {"allow", "deny"} <= judgements(case),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_committed_cases_are_those_of_the_generator(profile: str) -> None:
    answered = committed(profile)
    assert len(answered) >= 50
    for made, kept in zip(cases(SEED, len(answered), profile), answered, strict=True):
        assert {key: kept[key] for key in made if key != "resources"} == {
            key: value for key, value in made.items() if key != "resources"
        }
        # Those that Istio's webhook refuses are gone; nothing was added or changed.
        assert [each for each in made["resources"] if each in kept["resources"]] == kept[
            "resources"
        ]


@pytest.mark.parametrize("profile", PROFILES)
def test_committed_cases_show_their_feature(profile: str) -> None:
    shown = [case["id"] for case in committed(profile) if SHOWS[profile](case)]
    assert len(shown) >= 20


def test_every_answer_is_in_the_committed_cases() -> None:
    outcomes: set[str] = set()
    kinds: set[str] = set()
    modes: set[str] = set()
    for profile in PROFILES:
        for case in committed(profile):
            expect = case["expect"]
            if "asks" in case:
                continue
            outcomes |= {row["outcome"] for row in expect["calls"]}
            kinds |= {row["discovery"] for row in expect["client"]}
            modes |= {row["mode"] for row in expect.get("gateways", ())}
    assert outcomes == {
        "ok-plaintext",
        "ok-mtls",
        "refused",
        "protocol-error",
        "tls-to-app",
        "mtls-user-terminated",
        "denied",
    }
    assert kinds == {
        "EDS",
        "ORIGINAL_DST",
        "STRICT_DNS",
        "LOGICAL_DNS",
        "DYNAMIC_DNS",
        "NO_CLUSTER",
    }
    assert modes == {
        "plaintext",
        "SIMPLE",
        "MUTUAL",
        "OPTIONAL_MUTUAL",
        "ISTIO_MUTUAL",
        "PASSTHROUGH",
    }


def test_every_judgement_and_every_field_is_in_the_committed_cases() -> None:
    found: set[str] = set()
    actions: set[str] = set()
    fields: set[str] = set()
    keys: set[str] = set()
    dropped: set[str] = set()
    for profile in ("authorization", "ztunnel"):
        for case in committed(profile):
            found |= judgements(case)
            dropped |= {each.partition(": ")[2] for each in case["expect"]["dropped"]}
            for policy in objects(case, "AuthorizationPolicy"):
                actions.add(policy["spec"].get("action", ""))
                for rule in policy["spec"].get("rules", ()):
                    for each in (*rule.get("from", ()), *rule.get("to", ())):
                        fields |= set(each.get("source", each.get("operation")))
                    keys |= {each["key"].partition("[")[0] for each in rule.get("when", ())}
    assert found == {
        "allow",
        "deny",
        "custom",
        "refused",
        "protocol-error",
        "unauthenticated",
    }
    assert actions == {"", "ALLOW", "DENY", "AUDIT", "CUSTOM"}
    assert dropped == {"rejected", "other revision"}
    schema = json.loads(POLICY_SCHEMA.read_text("utf-8"))
    rule = schema["properties"]["spec"]["properties"]["rules"]["items"]["properties"]
    source = rule["from"]["items"]["properties"]["source"]["properties"]
    operation = rule["to"]["items"]["properties"]["operation"]["properties"]
    assert fields == {*source, *operation}
    assert keys >= {
        "source.ip",
        "source.namespace",
        "source.principal",
        "source.serviceAccount",
        "source.trustDomain",
        "remote.ip",
        "destination.ip",
        "destination.port",
        "connection.sni",
        "request.headers",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
        "request.auth.claims",
    }


def test_same_seed_same_bytes_whatever_the_hash_seed() -> None:
    script = TESTS / "conformance" / "oracle" / "generate.py"
    outputs = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, str(script), "--seed", "5", "--cases", "30"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 30


def test_seeds_differ() -> None:
    first, second = (next(cases(seed, 1, COMMON))["resources"] for seed in (1, 2))
    assert first != second


def test_half_of_the_meshes_are_common_and_the_others_take_turns() -> None:
    names = [case["id"].partition("-")[0] for case in cases(1, 2 * len(PROFILES))]
    assert names[::2] == [COMMON] * len(PROFILES)
    assert names[1::2] == list(PROFILES)


def test_without_go_the_run_ends_with_4_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run.main(["--cases", "1"]) == 4
    told = capsys.readouterr().err
    assert "the oracle needs Go, and there is none on PATH" in told
    assert "hint: install Go" in told


def test_a_changed_source_is_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in program.go_program().sources():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = program.go_program().digest()
    monkeypatch.setattr(program, "SOURCES", tmp_path)
    assert program.go_program().digest() == before
    with (tmp_path / "main.go").open("a") as file:
        file.write("// changed\n")
    assert program.go_program().digest() != before


def test_written_cases_are_the_same_bytes(tmp_path: Path) -> None:
    made = list(cases(3, 3))
    for name in ("first.jsonl.gz", "second.jsonl.gz"):
        run.write(tmp_path / name, made)
    first, second = (
        (tmp_path / name).read_bytes() for name in ("first.jsonl.gz", "second.jsonl.gz")
    )
    assert first == second
    assert [json.loads(line) for line in gzip.decompress(first).splitlines()] == made
