"""The lab's own two files are refused, with findings that a reader of the lab understands."""

from __future__ import annotations

import json

import pytest

from meshgate.cli import main
from meshgate.model import JSONObject
from places import TESTS

LAB = TESTS / "repositories" / "lab"
PEER_AUTHENTICATION = "policies/mtls/peer-authentication-mtls.yaml"
DESTINATION_RULE = "policies/mtls/destinationrule-mtls.yaml"


@pytest.fixture
def findings(capsys: pytest.CaptureFixture[str]) -> list[JSONObject]:
    assert main(["-C", str(LAB), "--format", "json", "validate", "--engine", "jsonschema"]) == 1
    told: list[JSONObject] = json.loads(capsys.readouterr().out)["findings"]
    return told


def test_each_file_is_refused_where_it_is_wrong(findings: list[JSONObject]) -> None:
    errors = {
        (told["rule"], told["source"] and (told["source"]["file"], told["source"]["line"]))
        for told in findings
        if told["severity"] == "error"
    }

    assert errors >= {
        ("DR003", (DESTINATION_RULE, 6)),
        ("SH009", (DESTINATION_RULE, 3)),
        ("SH009", (PEER_AUTHENTICATION, 3)),
    }
    assert "PA007" in {rule for rule, _ in errors}


@pytest.mark.parametrize(
    "part",
    [
        "every Service there is",
        "boards-db.boards.svc.cluster.local",
        "kubernetes.default.svc.cluster.local (the API server)",
    ],
)
def test_the_wildcard_is_told_by_what_it_catches(part: str, findings: list[JSONObject]) -> None:
    (wildcard,) = [told for told in findings if told["rule"] == "DR003"]

    assert part in wildcard["message"]


@pytest.mark.parametrize(
    "host", ["boards-db.boards.svc.cluster.local", "kubernetes.default.svc.cluster.local"]
)
@pytest.mark.parametrize("rule", ["DR012", "CA002"])
def test_applied_to_the_application_it_breaks_calls(
    rule: str, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-C", str(LAB), "--format", "json", "lint", "-n", "boards"]

    assert main([*arguments, "--engine", "jsonschema", "policies", "inventory"]) == 1

    told: list[JSONObject] = json.loads(capsys.readouterr().out)["findings"]
    assert any(host in one["message"] for one in told if one["rule"] == rule)


def test_the_way_out_is_told(findings: list[JSONObject]) -> None:
    fixes = {told["rule"]: told["fix"] for told in findings}

    assert "istio-system" in fixes["DR003"]
    assert "istio-system" in fixes["PA007"]
    assert "metadata.namespace" in fixes["SH009"]
