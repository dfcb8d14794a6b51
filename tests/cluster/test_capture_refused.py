"""A capture that would lose much, or cannot read all: refused, with the way out."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from captured_cluster import (
    Capture,
    capture,
    files,
    mesh,
    objects_of_a_shop,
)
from live_objects import (
    deployment,
    live,
    namespace,
)
from meshgate.cli import main
from meshgate.cluster.capture.facts import MeshControl, differences
from meshgate.cluster.kinds import ALL
from meshgate.errors import install_beside
from meshgate.model import JSONObject, MeshFacts
from places import REPOSITORY
from recorded_api import CONTEXT, RecordedApi, recorded_api

pytestmark = pytest.mark.sampled(every=2)
RIGHTS = REPOSITORY / "sync/rbac/reader.yaml"


@pytest.fixture
def running_objects() -> list[JSONObject]:
    return objects_of_a_shop()


def test_a_capture_with_much_less_is_refused(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    assert capture(repository, api, "--force") == 0
    held = files(repository)
    api.objects = [each for each in api.objects if each["metadata"].get("namespace") != "shop"]
    capsys.readouterr()

    assert capture(repository, api) == 2
    told = capsys.readouterr().err
    assert "namespace shop: 2 workloads before, 0 now" in told
    assert "--force" in told
    assert files(repository) == held

    assert capture(repository, api, "--force") == 0
    assert files(repository) != held


def test_one_workload_of_many_may_go(repository: Path, tmp_path: Path) -> None:
    many = [deployment("shop", f"app-{number}") for number in range(8)]
    with recorded_api(tmp_path, [namespace("shop"), *many]) as api:
        assert capture(repository, api, "--force") == 0
        api.objects = api.objects[:-2]
        assert capture(repository, api) == 0
        api.objects = api.objects[:-3]
        assert capture(repository, api) == 2


def test_mesh_config_is_compared(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    istiod = deployment("istio-system", "istiod")
    istiod["metadata"]["labels"] = {"app": "istiod"}
    istiod["spec"]["template"]["spec"]["containers"][0]["image"] = "example/pilot:1.30.2"
    api.objects.append(istiod)
    api.config_maps["istio-system/istio"] = {
        "mesh": "enableAutoMtls: false\ndefaultConfig: {tracing: {}}\n"
    }

    assert capture(repository, api, "--force") == 1
    told = capsys.readouterr().err
    assert "mesh.enableAutoMtls is true, the cluster has false" in told
    assert 'mesh.istio is "1.31", the cluster has "1.30"' in told
    assert "shop.yaml" in files(repository), "the inventory is right all the same"


def test_mesh_config_as_it_is_has_no_difference() -> None:
    facts = MeshFacts(
        root_namespace="mesh",
        outbound_traffic_policy="REGISTRY_ONLY",
        default_destination_rule_export_to=(".",),
        discovery_selectors=({"matchLabels": {"mesh": "yes"}},),
    )
    config = {
        "rootNamespace": "mesh",
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        "defaultDestinationRuleExportTo": ["."],
        "discoverySelectors": [{"matchLabels": {"mesh": "yes"}}],
    }

    assert differences(facts, MeshControl([], config)) == []
    assert differences(MeshFacts(), MeshControl([], {})) == []
    assert {each.key for each in differences(MeshFacts(), MeshControl([], config))} == {
        *("rootNamespace", "outboundTrafficPolicy"),
        *("defaultDestinationRuleExportTo", "discoverySelectors"),
    }


def test_no_mesh_config_is_an_error(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    api.config_maps.clear()

    assert capture(repository, api) == 7
    assert "ConfigMap istio-system/istio" in capsys.readouterr().err


def test_a_right_that_is_missing_is_named(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.forbidden.add("DestinationRule")
    held = files(repository)

    assert capture(repository, api) == 7
    told = capsys.readouterr().err
    assert "not allowed to list destinationrules.networking.istio.io in every namespace" in told
    assert "sync/rbac/reader.yaml" in told
    assert files(repository) == held


def test_a_cluster_without_a_mesh(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    api.unserved |= {"PeerAuthentication", "HTTPRoute"}

    assert capture(repository, api) == 7
    assert "serves no PeerAuthentication" in capsys.readouterr().err


def test_a_list_whose_pages_expire_is_begun_anew(repository: Path, api: RecordedApi) -> None:
    api.objects += [live("Pod", "jobs", f"lone-{n}", spec={"containers": []}) for n in range(5)]
    api.expiring.add("Pod")

    assert capture(repository, api, "--force") == 0
    assert sum(workload.kind == "Pod" for workload in mesh(repository).workloads) == 5


def test_an_api_server_that_is_not_there(
    repository: Path, api: RecordedApi, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = api.kubeconfig.read_text()
    api.kubeconfig.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", text))
    monkeypatch.setattr("meshgate.cluster.client.TIMEOUT", 1.0)

    assert capture(repository, api) == 7
    assert f"{CONTEXT}: the API server does not answer" in capsys.readouterr().err


def test_a_context_that_is_none(repository: Path, api: RecordedApi, capsys: Capture) -> None:
    options = ["--context", "recroded", "--kubeconfig", str(api.kubeconfig)]

    assert main(["-C", str(repository), "inventory", "capture", "prod", *options]) == 2
    assert f"known: {CONTEXT}" in capsys.readouterr().err


def test_without_the_extra(
    repository: Path, api: RecordedApi, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    monkeypatch.setitem(sys.modules, "kubernetes.config", None)

    assert capture(repository, api) == 4
    assert install_beside("kubernetes") in capsys.readouterr().err


def test_the_shipped_rights_are_those_that_are_used() -> None:
    documents = list(yaml.safe_load_all(RIGHTS.read_text()))
    rules = {each["kind"]: each["rules"] for each in documents if "rules" in each}

    granted = {
        (group, resource): rule["verbs"]
        for rule in rules["ClusterRole"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {(kind.group, kind.plural): ["list"] for kind in ALL}
    assert rules["Role"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["istio"],
            "verbs": ["get"],
        }
    ]
