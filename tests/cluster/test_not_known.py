"""`verify` says what it did not read, and takes nothing for known that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from live_objects import deployment, live, namespace, service
from meshgate.cli import init as init_command
from meshgate.cli import main
from meshgate.cluster import capture
from meshgate.cluster.capture.control_planes import control_planes, tag_of
from meshgate.model import JSONObject, MeshFacts
from recorded_api import recorded_api

Capture = pytest.CaptureFixture[str]
DIGEST = f"@sha256:{'0' * 64}"


def istiod(
    image: str,
    name: str = "istiod",
    own: JSONObject | None = None,
    labels: JSONObject | None = None,
) -> JSONObject:
    """A Deployment of istiod; `labels` of its template, `own` of itself."""
    value = deployment("istio-system", name, labels=labels)
    value["metadata"]["labels"] = {"app": "istiod", **(own or {})}
    containers = value["spec"]["template"]["spec"]["containers"]
    containers[0] |= {"name": "discovery", "image": image}
    return value


def test_nothing_is_asked_twice() -> None:
    """One istiod with its pods is one control plane."""
    deployed = istiod("istio/pilot:1.31.0")
    pod = live(
        *("Pod", "istio-system", "istiod-x"),
        labels={"app": "istiod"},
        spec={"containers": [{"name": "discovery", "image": f"istio/pilot{DIGEST}"}]},
    )
    assert told(MeshFacts(), deployed, pod) == (None, 0)


def told(
    facts: MeshFacts, *objects: JSONObject, stated: tuple[str, ...] = ()
) -> tuple[object, int]:
    """What the cluster's release is said to be (None: as stated), and how much is not known."""
    control = capture.MeshControl(control_planes(facts, objects), {})
    wrong = capture.differences(facts, control, stated)
    release = next((each.live for each in wrong if each.key == "istio"), None)
    return release, len(capture.unknowns(facts, control, stated))


@pytest.mark.parametrize(
    ("image", "release", "unknown"),
    [
        ("docker.io/istio/pilot:1.31.2", None, 0),
        ("istio/pilot:1.30.0-distroless", "1.30", 0),
        ("registry.example:5000/istio/pilot:v1.29.1-debug", "1.29", 0),
        (f"istio/pilot:1.30.2{DIGEST}", "1.30", 0),
        ("istio/pilot:1.32-alpha.4f2c1", "1.32", 0),
        ("istio/pilot:1.31", None, 0),
        (f"registry.example:5000/istio/pilot{DIGEST}", None, 1),
        ("istio/pilot:latest", None, 1),
        ("istio/pilot", None, 1),
        ("registry.example:1531/pilot", None, 1),
        ("istio/pilot:1.310.2", None, 1),
        ("istio/pilot:20260827", None, 1),
    ],
)
def test_the_release_is_known_or_it_is_said(image: str, release: str | None, unknown: int) -> None:
    assert told(MeshFacts(), istiod(image)) == (release, unknown)


def test_labels_tell_what_a_digest_does_not() -> None:
    by_digest = f"istio/pilot{DIGEST}"

    assert told(MeshFacts(), istiod(by_digest, own={"app.kubernetes.io/version": "1.30.1"})) == (
        "1.30",
        0,
    )
    assert told(MeshFacts(), istiod(by_digest, own={"helm.sh/chart": "istiod-1.29.0"})) == (
        "1.29",
        0,
    )
    assert told(MeshFacts(), istiod(by_digest, labels={"app.kubernetes.io/version": "1.31.0"})) == (
        None,
        0,
    )
    pod = live(
        *("Pod", "istio-system", "istiod-x"),
        labels={"app": "istiod", "app.kubernetes.io/version": "1.30.0"},
        spec={"containers": [{"name": "discovery", "image": by_digest}]},
    )
    assert told(MeshFacts(), istiod(by_digest), pod) == ("1.30", 0)


def test_istiod_itself_tells_before_all() -> None:
    by_digest = istiod(f"istio/pilot{DIGEST}")

    assert told(MeshFacts(), by_digest, stated=("1.30.3-abc-Clean",)) == ("1.30", 0)
    assert told(MeshFacts(), by_digest, stated=("", "unknown")) == (None, 1)


def test_several_istiods_are_told_unless_the_revision_says_which() -> None:
    old = istiod("istio/pilot:1.30.2", "istiod-old", {"istio.io/rev": "old"})
    new = istiod("istio/pilot:1.31.0", "istiod-new", {"istio.io/rev": "new"})

    assert told(MeshFacts(), old, new) == (["1.30", "1.31"], 0)
    assert told(MeshFacts(revision="new"), old, new) == (None, 0)
    assert told(MeshFacts(revision="old"), old, new) == ("1.30", 0)


def test_no_istiod_at_all_is_not_known() -> None:
    assert told(MeshFacts(), deployment("shop", "cart")) == (None, 1)


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("pilot", ""),
        ("pilot:1.2", "1.2"),
        ("host:5000/a/pilot", ""),
        (f"host:5000/a/pilot:1.2{DIGEST}", "1.2"),
        ("", ""),
    ],
)
def test_the_tag_of_an_image(image: str, tag: str) -> None:
    assert tag_of(image) == tag


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ("defaultServiceExportTo: ['.']", "defaultServiceExportTo"),
        ("defaultVirtualServiceExportTo: ['.']", "defaultVirtualServiceExportTo"),
        ("trustDomain: other", "trustDomain"),
        ("pathNormalization: {normalization: NONE}", "pathNormalization"),
        ("discoverySelectors: [{matchLabels: {a: b}}]", "discoverySelectors"),
        ("extensionProviders: [{name: x, envoyExtAuthzGrpc: {}}]", "extensionProviders"),
    ],
)
def test_mesh_config_that_decides_is_no_pass(
    tmp_path: Path, capsys: Capture, config: str, wrong: str
) -> None:
    found = verified(tmp_path, capsys, config)

    assert [each["key"] for each in found["facts"]] == [wrong]
    assert found["result"] == "fail"


VERIFY = ("verify", "prod", "--format", "json")


def verified(tmp_path: Path, capsys: Capture, config: str) -> JSONObject:
    """What `verify` says of a cluster with this MeshConfig."""
    init_command.init(tmp_path / "repository")
    with recorded_api(tmp_path, [namespace("shop"), istiod("istio/pilot:1.31.0")]) as api:
        api.config_maps["istio-system/istio"] = {"mesh": config}
        main(["-C", str(tmp_path / "repository"), *VERIFY, *api.options])
        answer: JSONObject = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ("meshMTLS: {minProtocolVersion: TLSV1_3}", "meshMTLS"),
        ("inboundTrafficPolicy: {mode: LOCALHOST}", "inboundTrafficPolicy"),
        ("serviceSettings: [{settings: {clusterLocal: true}}]", "serviceSettings"),
        ("someKeyOfTomorrow: true", "someKeyOfTomorrow"),
        ("defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}}", "defaultConfig."),
    ],
)
def test_mesh_config_that_may_decide_is_said(
    tmp_path: Path, capsys: Capture, config: str, key: str
) -> None:
    found = verified(tmp_path, capsys, config)

    assert len(found["unknown"]) == 1
    assert f"MeshConfig has {key}" in found["unknown"][0]
    assert found["numbers"]["notKnown"] == 1


def test_strict_takes_nothing_for_known(tmp_path: Path, capsys: Capture) -> None:
    """Everything else is as reviewed."""
    root = tmp_path / "repository"
    init_command.init(root)
    assert main(["-C", str(root), "render", "prod"]) == 0
    rendered = list(yaml.safe_load_all(capsys.readouterr().out))
    cart = deployment("shop", "cart")
    objects = [
        *rendered,
        namespace("shop"),
        service("shop", "cart"),
        cart,
        istiod(f"istio/pilot{DIGEST}"),
    ]
    with recorded_api(tmp_path, objects) as api:
        command = ["-C", str(root), "verify", "prod", *api.options]
        assert main(command) == 0
        assert "not known: which release of Istio runs: " in capsys.readouterr().out
        assert main([*command, "--strict"]) == 1
        api.objects[-1] = istiod("istio/pilot:1.31.4")
        assert main([*command, "--strict"]) == 0
