"""`meshgate verify`: what is not as reviewed is named, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from live_objects import (
    live,
    peer_authentication,
)
from meshgate import schema
from meshgate.cli import init as init_command
from meshgate.cluster.capture.redact import redacted
from meshgate.cluster.verify.drift import ABSENT, drift
from meshgate.config import load
from meshgate.model import JSONObject, Resource
from meshgate.promotion import evidence
from recorded_api import RecordedApi
from verified_cluster import (
    STORED,
    Capture,
    rendered,
    reviewed_objects,
    told,
    verify,
)

pytestmark = pytest.mark.sampled(every=2)
LOOKED_AT = {("security.istio.io", "PeerAuthentication")}


@pytest.fixture
def running_objects(repository: Path) -> list[JSONObject]:
    return reviewed_objects(repository)


def the(api: RecordedApi, kind: str, name: str = "") -> JSONObject:
    return next(
        each
        for each in api.objects
        if each["kind"] == kind and (not name or each["metadata"]["name"] == name)
    )


def test_a_cluster_as_reviewed(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    assert verify(repository, api) == 0
    assert "as reviewed" in capsys.readouterr().out

    assert verify(repository, api, "--format", "json") == 0
    found = told(capsys)
    assert (found["result"], found["drift"], found["pushed"]) == ("pass", [], None)


def test_a_change_by_hand_is_named_with_what_it_does(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    the(api, "PeerAuthentication")["spec"]["mtls"]["mode"] = "PERMISSIVE"

    assert verify(repository, api) == 1
    text = capsys.readouterr().out
    assert 'spec.mtls.mode: rendered "STRICT", there "PERMISSIVE"' in text
    assert "policies/mesh-wide/peerauthentication-default.yaml:2" in text
    assert "STRICT -> PERMISSIVE" in text

    assert verify(repository, api, "--format", "json") == 1
    found = told(capsys)
    assert found["drift"][0]["changes"] == [
        {"path": "spec.mtls.mode", "rendered": "STRICT", "found": "PERMISSIVE"}
    ]
    assert {port["change"] for port in found["ports"]} == {"loosened"}


def test_an_object_that_is_missing(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    api.objects.remove(the(api, "PeerAuthentication"))

    assert verify(repository, api, "--format", "json") == 1
    found = told(capsys)
    assert [(each["kind"], each["resource"]["kind"]) for each in found["drift"]] == [
        ("missing", "PeerAuthentication")
    ]


def test_a_foreign_object_that_decides(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    api.objects.append(peer_authentication("shop", "open", "DISABLE"))

    assert verify(repository, api) == 1
    text = capsys.readouterr().out
    assert "PeerAuthentication/shop/open: changes" in text
    assert "STRICT -> DISABLE" in text


def test_a_foreign_object_that_decides_nothing(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    elsewhere = live("PeerAuthentication", "shop", "none", spec={"mtls": {"mode": "STRICT"}})
    elsewhere["spec"]["selector"] = {"matchLabels": {"app": "nobody"}}
    api.objects.append(elsewhere)

    assert verify(repository, api) == 0
    assert "PeerAuthentication/shop/none: changes nothing" in capsys.readouterr().out


def test_what_the_inventory_has_is_accepted_and_what_it_no_longer_has_is_told(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    foreign = peer_authentication("shop", "open", "DISABLE")
    foreign["apiVersion"] = "security.istio.io/v1"
    file = repository / "inventory/prod/foreign.yaml"
    file.write_text(yaml.safe_dump(redacted(foreign)))
    api.objects.append(foreign)

    assert verify(repository, api, "--format", "json") == 0
    assert told(capsys)["foreign"] == []

    foreign["spec"]["mtls"]["mode"] = "PERMISSIVE"
    assert verify(repository, api, "--format", "json") == 1
    found = told(capsys)
    assert found["drift"] == []
    assert [each["kind"] for each in found["stale"]] == ["changed"]


def test_wrong_facts_fail(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    api.config_maps["istio-system/istio"] = {"mesh": "enableAutoMtls: false"}

    assert verify(repository, api, "--format", "json") == 1
    assert told(capsys)["facts"] == [{"key": "enableAutoMtls", "stated": True, "found": False}]


def test_another_trust_domain_fails(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    """It decides who gets in, as the other facts decide how calls are sent."""
    api.config_maps["istio-system/istio"] = {"mesh": "trustDomain: other.example"}

    assert verify(repository, api, "--format", "json") == 1
    [fact] = told(capsys)["facts"]
    assert fact == {"key": "trustDomain", "stated": "cluster.local", "found": "other.example"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"spec": {"mtls": {"mode": "STRICT"}, "selector": {}}}, "spec.selector"),
        ({"spec": {"mtls": {}}}, "spec.mtls.mode"),
        ({"metadata": {**STORED["metadata"], "labels": {}}}, "metadata.labels.team"),
        (
            {
                "metadata": {
                    **STORED["metadata"],
                    "labels": {"team": "shop", "istio.io/rev": "canary"},
                }
            },
            'metadata.labels["istio.io/rev"]',
        ),
        ({"apiVersion": "security.istio.io/v1beta1"}, None),
        ({"status": {"conditions": []}}, None),
        (
            {
                "metadata": {
                    **STORED["metadata"],
                    "labels": {"team": "shop", "argocd.argoproj.io/instance": "x"},
                    "annotations": {"argocd.argoproj.io/tracking-id": "x"},
                    "generation": 4,
                }
            },
            None,
        ),
    ],
)
def test_what_counts_as_drift(change: JSONObject, path: str | None) -> None:
    wanted = rendered(mtls={"mode": "STRICT"})
    there = {**wanted.value, **change}

    found = drift([wanted], [there], LOOKED_AT)

    assert [change.path for each in found for change in each.changes] == ([path] if path else [])


def test_null_is_no_field_and_true_is_no_number() -> None:
    wanted = rendered(a=None, b=True, c=[1, 2])
    there = {**STORED, "spec": {"b": 1, "c": [1, 2, 3]}}

    (found,) = drift([wanted], [there], LOOKED_AT)

    assert {each.path: each.live for each in found.changes} == {
        "spec.b": 1,
        "spec.c": [1, 2, 3],
    }
    assert repr(ABSENT) == "absent"


def test_a_kind_of_another_api_is_not_missing() -> None:
    """The Gateway of the Gateway API is not read; that of Istio is."""
    value = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
    resource = Resource.of({**value, "metadata": {"name": "x"}})

    assert [each.kind for each in drift([resource], [], {("networking.istio.io", "Gateway")})] == [
        "unread"
    ]


def test_a_kind_that_is_not_looked_at_is_no_pass() -> None:
    resource = Resource.of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})

    assert [each.kind for each in drift([resource], [], LOOKED_AT)] == ["unread"]


def test_evidence_speaks_of_what_was_compared(
    tmp_path: Path, api: RecordedApi, capsys: Capture
) -> None:
    root, out = tmp_path / "pinned", tmp_path / "out"
    init_command.init(root)
    pinned = "mode: pinned\n    gates: []\n    gatesWaived: a test"
    text = (root / "environments.yaml").read_text().replace("mode: floating", pinned)
    (root / "environments.yaml").write_text(text)
    folder = root / "rendered/prod/shop"
    folder.mkdir(parents=True)
    (folder / "peerauthentication-x.yaml").write_text(yaml.safe_dump(rendered().value))

    assert verify(root, api, "--evidence", str(out), "--cluster", "eu-1") == 1
    capsys.readouterr()
    (file,) = out.iterdir()
    found = evidence.read(file.read_bytes(), reporter="ci", file=file.name)
    assert (found.type, found.result, found.cluster) == ("verified", "fail", "eu-1")
    assert dict(found.numbers)["drift"] == 1
    assert len(found.tree) == 40


def test_probes_are_jobs_that_the_api_server_takes(
    repository: Path, api: RecordedApi, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "probes.yaml"

    assert verify(repository, api, "--probes", str(file)) == 0
    jobs = list(yaml.safe_load_all(file.read_text()))
    resources = [Resource.of(job) for job in jobs]
    assert schema.check(resources, istio="1.31", engine="jsonschema", allowed=None) == []
    told = capsys.readouterr().err
    expectations = load(repository).environments[1].expectations
    assert len(jobs) + told.count("no probe of") == len(expectations)
    for job in jobs:
        pod = job["spec"]["template"]
        container = pod["spec"]["containers"][0]
        given = {each["name"]: each["value"] for each in container["env"]}
        assert given["EXPECTED"] in {"answered", "refused"}
        assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == given["SIDECAR"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        annotations = job["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == "PostSync"
        assert annotations["kustomize.toolkit.fluxcd.io/force"] == "enabled"
    assert len({job["metadata"]["name"] for job in jobs}) == len(jobs)
