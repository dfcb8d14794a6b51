"""Clusters of environments: windows, waves, names, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from msgspec import structs

from meshgate import config
from meshgate.cli import main
from meshgate.cluster.sync import windows
from meshgate.cluster.sync.target import AllowedKind
from meshgate.model import JSONObject, WindowEntry
from meshgate.pipeline.cluster_names import overlap
from places import REPOSITORY
from synced_repository import (
    ARGOCD,
    FLUX,
    FREEZE,
    NIGHTS,
    POLICY,
    Capture,
    edit,
    objects,
    prod,
    sync,
)

pytestmark = pytest.mark.usefixtures("never_synced")


@pytest.mark.parametrize(
    ("agent", "line"),
    [("argocd", "Prune=confirm"), ("flux", "prune: disabled")],
)
def test_a_policy_that_many_rest_on_is_named(
    repository: Path, capsys: Capture, agent: str, line: str
) -> None:
    sync(repository, agent)
    assert "without a question" not in capsys.readouterr().err

    text = (repository / POLICY).read_text().splitlines(keepends=True)
    (repository / POLICY).write_text("".join(each for each in text if line not in each))

    assert sync(repository, agent) == 0
    told = capsys.readouterr().err
    assert "PeerAuthentication/istio-system/default (dev, prod)" in told
    assert line in told


def test_a_window_that_denies_everything_is_a_sync_window() -> None:
    freeze, nights = windows.sync_windows([FREEZE, NIGHTS])

    assert freeze == {
        "kind": "deny",
        "schedule": "30 18 20 12 *",
        "duration": "347h30m",
        "timeZone": "Europe/Berlin",
        "applications": ["*"],
        "manualSync": True,
        "description": "nobody is here (2026-12-20T18:30 to 2027-01-04T06:00)",
    }
    assert (nights["schedule"], nights["duration"], nights["timeZone"]) == (
        *("0 20 * * *", "11h", "UTC"),
    )


def test_a_window_lasts_as_long_as_clocks_say() -> None:
    """The night in which Berlin's clocks go back is an hour longer."""
    night = structs.replace(FREEZE, start="2026-10-25T00:00", end="2026-10-25T06:00")

    assert windows.sync_windows([night])[0]["duration"] == "7h"


@pytest.mark.parametrize(
    "window",
    [structs.replace(NIGHTS, kind="allow"), structs.replace(NIGHTS, events=("promote",))],
    ids=["allow", "rollback-may-pass"],
)
def test_a_window_that_lets_something_pass_is_none(window: WindowEntry) -> None:
    assert windows.sync_windows([window]) == []


def test_kinds_are_called_as_their_crds_call_them() -> None:
    """Plurals in RBAC are not checked by anybody: a wrong one is a right that is not there."""
    plurals = {
        "AuthorizationPolicy": "authorizationpolicies",
        "DestinationRule": "destinationrules",
        "EnvoyFilter": "envoyfilters",
        "Gateway": "gateways",
        "PeerAuthentication": "peerauthentications",
        "ProxyConfig": "proxyconfigs",
        "RequestAuthentication": "requestauthentications",
        "ServiceEntry": "serviceentries",
        "Sidecar": "sidecars",
        "Telemetry": "telemetries",
        "TrafficExtension": "trafficextensions",
        "VirtualService": "virtualservices",
        "WasmPlugin": "wasmplugins",
        "WorkloadEntry": "workloadentries",
        "WorkloadGroup": "workloadgroups",
    }

    assert {kind: AllowedKind("", kind).plural for kind in plurals} == plurals


def test_this_repository_says_where_it_is() -> None:
    said = config.load(REPOSITORY).sync

    assert said is not None
    assert said.namespaces == ("boards", "istio-system")


def test_a_stopped_sync_stays_stopped(repository: Path) -> None:
    """`argocd app set --sync-policy none`, `flux suspend`: what nothing here writes back."""
    assert [sync(repository, agent) for agent in ("argocd", "flux")] == [0, 0]
    spec = objects(repository, ARGOCD)["ApplicationSet"]["spec"]
    assert spec["ignoreApplicationDifferences"] == [{"jsonPointers": ["/spec/syncPolicy"]}]
    for each in yaml.safe_load_all((repository / FLUX).read_text()):
        assert "suspend" not in each.get("spec", {})
        assert "suspend" not in json.dumps(each.get("metadata"))


def test_clusters_in_waves(repository: Path) -> None:
    waves = [{"mesh-wave": "canary"}, {"mesh-wave": "main", "region": "eu"}]
    edit(repository, lambda value: prod(value)["clusters"].update(waves=waves))
    assert sync(repository, "argocd") == 0

    spec = objects(repository, ARGOCD)["ApplicationSet"]["spec"]
    assert spec["strategy"]["type"] == "RollingSync"
    first, second = spec["strategy"]["rollingSync"]["steps"]
    assert first["matchExpressions"] == [
        {"key": "mesh-wave", "operator": "In", "values": ["canary"]}
    ]
    assert [each["key"] for each in second["matchExpressions"]] == ["mesh-wave", "region"]
    labels = spec["template"]["metadata"]["labels"]
    assert labels["mesh-wave"] == '{{index .metadata.labels "mesh-wave"}}'
    assert {"mesh-wave", "region", "meshgate/environment"} == set(labels)


@pytest.mark.parametrize("waves", [[], [{}], {"mesh-wave": "a"}, ["a"], [{"a": 1}]])
def test_waves_that_are_none(repository: Path, waves: object) -> None:
    edit(repository, lambda value: prod(value)["clusters"].update(waves=waves))
    assert sync(repository, "argocd") == 2


def renamed(value: JSONObject, name: str, **clusters: object) -> None:
    """A third environment beside prod."""
    value["environments"].append(
        {
            "name": name,
            "overlay": prod(value)["overlay"],
            "mode": "floating",
            "clusters": {"selector": {"mesh-env": name}, **clusters},
        }
    )


@pytest.mark.parametrize(
    ("name", "clusters", "code"),
    [
        ("prod-eu", {}, 2),
        ("prod-eu", {"names": ["eu"]}, 0),
        ("eu", {"names": ["p*-eu"]}, 2),
        ("eu", {"names": ["*"]}, 2),
        ("production", {}, 0),
        ("eu", {"names": ["prod"]}, 2),
    ],
)
def test_no_cluster_is_of_two_environments(
    repository: Path, capsys: Capture, name: str, clusters: JSONObject, code: int
) -> None:
    (repository / "sync/argocd").mkdir(parents=True, exist_ok=True)
    edit(repository, lambda value: renamed(value, name, **clusters))

    assert sync(repository, "argocd") == code
    said = capsys.readouterr().err
    assert main(["-C", str(repository), "validate", "prod"]) == code
    if code:
        assert "a cluster could be of " in said
        assert f"and of {name} (" in said
        assert "clusters: {names: [...]}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["eu-[ab]", "eu-?", "{eu,prod}", "!eu", "e\\u"])
def test_a_name_that_argo_cd_reads_as_another_pattern(
    repository: Path, capsys: Capture, name: str
) -> None:
    """`!eu` is every cluster but one, also those of other environments."""
    edit(repository, lambda value: renamed(value, "eu", names=[name]))

    assert sync(repository, "argocd") == 2
    assert "Argo CD reads more into it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a", "a", True),
        ("a*", "ab", True),
        ("a*c", "ab*", True),
        ("*a", "*b", False),
        ("a*", "b*", False),
        ("*", "", True),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "axxbyy", False),
    ],
)
def test_patterns_that_overlap(one: str, other: str, *, both: bool) -> None:
    assert overlap(one, other) is both
    assert overlap(other, one) is both


def test_a_long_freeze_is_told(repository: Path, capsys: Capture) -> None:
    freeze = {
        "name": "freeze",
        "kind": "deny",
        "from": "2026-12-18T00:00",
        "to": "2027-01-04T00:00",
        "timezone": "Europe/Berlin",
    }
    edit(repository, lambda value: value.update(windows=[freeze]))

    assert sync(repository, "argocd") == 0
    assert "window freeze lasts, 17 days, Argo CD undoes no drift" in capsys.readouterr().err
    assert sync(repository, "flux") == 0
    assert "freeze" not in capsys.readouterr().err


def test_a_namespace_that_is_not_there_is_told(repository: Path, capsys: Capture) -> None:
    file = repository / "inventory/prod/shop.yaml"
    listed = [each for each in yaml.safe_load_all(file.read_text()) if each]
    for each in listed:
        if each["kind"] == "Namespace":
            each["metadata"]["name"] = "other"
    file.write_text(yaml.safe_dump_all(listed))

    assert sync(repository, "flux", "prod") == 0
    assert "shop is no namespace of inventory/prod" in capsys.readouterr().err


def with_variable(value: JSONObject, mode: str) -> None:
    prod(value).update(mode=mode, substitute={"MODE": "STRICT"})
    for key in ("gates", "gatesWaived", "soak", "approvals"):
        prod(value).pop(key, None)
    if mode == "pinned":
        prod(value).update(gates=[], gatesWaived="x")


def test_who_puts_values_of_variables_in(repository: Path, capsys: Capture) -> None:
    policy = repository / POLICY
    policy.write_text(policy.read_text().replace("STRICT", "${MODE}"))
    edit(repository, lambda value: with_variable(value, "floating"))

    assert sync(repository, "flux", "prod") == 0
    spec = objects(repository, FLUX)["Kustomization"]["spec"]
    assert spec["postBuild"] == {"substitute": {"MODE": "STRICT"}}
    assert sync(repository, "argocd", "prod") == 2
    assert "Argo CD puts no values in" in capsys.readouterr().err

    edit(repository, lambda value: with_variable(value, "pinned"))
    assert [sync(repository, agent, "prod") for agent in ("argocd", "flux")] == [0, 0]
    assert "postBuild" not in objects(repository, FLUX)["Kustomization"]["spec"]
