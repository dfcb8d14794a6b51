"""Several istiods in one cluster, and MeshConfig in every spelling that istiod takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from live_objects import deployment, live, namespace
from meshgate.cli import init as init_command
from meshgate.cli import main
from meshgate.cluster import capture
from meshgate.cluster.capture.control_planes import control_planes
from meshgate.mesh.unread.mesh_config import layered, normal, refused_keys
from meshgate.model import JSON, JSONObject, MeshFacts
from recorded_api import recorded_api

pytestmark = pytest.mark.sampled(every=3)

Capture = pytest.CaptureFixture[str]
DIGEST = f"istio/pilot@sha256:{'0' * 64}"
CURRENT = "istio/pilot:1.31.4"


def istiod(
    name: str, image: str, revision: str = "", *, replicas: int = 2, shared: str = ""
) -> JSONObject:
    value = deployment("istio-system", name)
    value["metadata"]["labels"] = {"app": "istiod", "istio.io/rev": revision or "default"}
    value["spec"]["replicas"] = replicas
    value["spec"]["template"]["spec"]["containers"][0] |= {"name": "discovery", "image": image}
    if shared:
        variables = value["spec"]["template"]["spec"]["containers"][0]["env"]
        variables.append({"name": "SHARED_MESH_CONFIG", "value": shared})
    return value


def pod(of: JSONObject, image: str, number: int = 0) -> JSONObject:
    """A pod of a Deployment of istiod, made by its ReplicaSet."""
    name = of["metadata"]["name"]
    return live(
        *("Pod", "istio-system", f"{name}-7d4b9-x{number}"),
        owner=("ReplicaSet", f"{name}-7d4b9"),
        labels={**of["metadata"]["labels"], "pod-template-hash": "7d4b9"},
        spec={"containers": [{"name": "discovery", "image": image}]},
        status={"phase": "Running"},
    )


def told(
    *objects: JSONObject, stated: tuple[str, ...] = (), facts: MeshFacts | None = None
) -> tuple[JSON, list[str]]:
    """Which release the cluster has otherwise (None: as stated), and what is not known of it."""
    about = facts or MeshFacts()
    control = capture.MeshControl(control_planes(about, objects), {})
    wrong = {each.key: each.live for each in capture.differences(about, control, stated)}
    return wrong.get("istio"), capture.unknowns(about, control, stated)


def test_pods_of_one_control_plane_do_not_speak_for_another() -> None:
    spoken, silent = istiod("istiod", CURRENT), istiod("istiod-canary", DIGEST, "canary")

    release, unknown = told(spoken, silent, pod(spoken, CURRENT), pod(silent, DIGEST))

    assert release is None
    assert len(unknown) == 1
    assert "istio-system/istiod-canary" in unknown[0]


def test_who_was_asked_is_not_known_among_several() -> None:
    spoken, silent = istiod("istiod", CURRENT), istiod("istiod-canary", DIGEST, "canary")

    assert len(told(spoken, silent, stated=("1.31.4-abc-Clean",))[1]) == 1
    assert told(silent, stated=("1.31.4-abc-Clean",)) == (None, [])
    canary = MeshFacts(revision="canary")
    assert told(spoken, silent, stated=("1.31.4-abc-Clean",), facts=canary) == (None, [])


def test_a_pod_tells_what_its_own_deployment_does_not() -> None:
    first, second = istiod("istiod", DIGEST), istiod("istiod-canary", "pilot:latest", "canary")

    release, unknown = told(first, second, pod(first, CURRENT), pod(second, "pilot:1.30.1"))

    assert release == ["1.30", "1.31"]
    assert unknown == []


def test_one_that_is_rolled_out_is_of_two_releases() -> None:
    rolled = istiod("istiod", CURRENT)

    assert told(rolled, pod(rolled, "istio/pilot:1.30.9-distroless")) == (["1.30", "1.31"], [])


def test_a_control_plane_at_no_replicas_runs_nothing() -> None:
    left = istiod("istiod-old", "istio/pilot:1.28.0", "old", replicas=0)

    assert told(istiod("istiod", CURRENT), left) == (None, [])
    release, unknown = told(left)
    assert release is None
    assert "there is no istiod" in unknown[0]


def test_one_that_no_deployment_runs_is_one_too() -> None:
    alone = live(
        *("Pod", "istio-system", "istiod-0"),
        owner=("StatefulSet", "istiod"),
        labels={"app": "istiod"},
        spec={"containers": [{"name": "discovery", "image": DIGEST}]},
    )

    unknown = told(alone)[1]

    assert len(unknown) == 1
    assert "istio-system/istiod-0" in unknown[0]


@pytest.mark.parametrize(
    ("image", "labels", "release"),
    [
        (DIGEST, {}, None),
        (DIGEST, {"app.kubernetes.io/version": "1.29.3"}, "1.29"),
        ("gcr.io/istio/pilot:latest", {"helm.sh/chart": "istiod-1.30.0"}, "1.30"),
        ("registry:5000/pilot:1.30.2-distroless", {"app.kubernetes.io/version": "1.29"}, "1.30"),
        (f"pilot:1.30.2-distroless@{DIGEST.rpartition('@')[2]}", {}, "1.30"),
        ("pilot:master-2026-08-01", {"app.kubernetes.io/version": "unknown"}, None),
    ],
)
def test_a_second_one_is_read_as_the_first(
    image: str, labels: JSONObject, release: str | None
) -> None:
    second = istiod("istiod-canary", image, "canary")
    second["metadata"]["labels"] |= labels

    live_release, unknown = told(istiod("istiod", CURRENT), second)

    assert live_release == (None if release is None else [release, "1.31"])
    assert len(unknown) == (release is None)


def verified(
    folder: Path,
    capsys: Capture,
    maps: dict[str, str],
    *more: JSONObject,
    facts: JSONObject | None = None,
    code: int | None = None,
) -> JSONObject:
    """What `verify` says of a cluster with these ConfigMaps of `istio-system`."""
    root = folder / "repository"
    init_command.init(root)
    if facts:
        file = root / "environments.yaml"
        value = yaml.safe_load(file.read_text())
        for environment in value["environments"]:
            environment["mesh"] |= facts
        file.write_text(yaml.safe_dump(value))
    planes = more or (istiod("istiod", CURRENT),)
    with recorded_api(folder, [namespace("shop"), *planes]) as api:
        api.config_maps = {f"istio-system/{name}": {"mesh": text} for name, text in maps.items()}
        ended = main(["-C", str(root), "verify", "prod", "--format", "json", *api.options])
        out = capsys.readouterr()
    if code is not None:
        assert ended == code, out.err
    return json.loads(out.out) if out.out else {"error": out.err}


def wrong(answer: JSONObject) -> dict[str, JSON]:
    return {each["key"]: each["found"] for each in answer["facts"]}


CANARY = istiod("istiod-canary", CURRENT, "canary")


def test_another_mesh_config_beside_is_said(tmp_path: Path, capsys: Capture) -> None:
    planes = (istiod("istiod", CURRENT), CANARY)
    maps = {"istio": "{}", "istio-canary": "enableAutoMtls: false\ntrustDomain: other"}

    answer = verified(tmp_path, capsys, maps, *planes)

    (sentence,) = answer["unknown"]
    assert "istiod-canary" in sentence
    assert "enableAutoMtls, trustDomain otherwise" in sentence
    assert wrong(answer) == {}


def test_the_same_mesh_config_beside_is_nothing(tmp_path: Path, capsys: Capture) -> None:
    planes = (istiod("istiod", CURRENT), CANARY)
    maps = {"istio": "trust_domain: cluster.local", "istio-canary": "trustDomain: cluster.local"}

    assert verified(tmp_path, capsys, maps, *planes)["unknown"] == []


def test_a_mesh_config_beside_that_is_not_there_is_said(tmp_path: Path, capsys: Capture) -> None:
    answer = verified(tmp_path, capsys, {"istio": "{}"}, istiod("istiod", CURRENT), CANARY)

    (sentence,) = answer["unknown"]
    assert "istio-system/istio-canary" in sentence


def test_the_stated_revision_alone_is_read(tmp_path: Path, capsys: Capture) -> None:
    planes = (istiod("istiod", "pilot:1.28.0"), CANARY)
    maps = {"istio": "trustDomain: old", "istio-canary": "trustDomain: new"}

    answer = verified(tmp_path, capsys, maps, *planes, facts={"revision": "canary"})

    assert wrong(answer) == {"trustDomain": "new"}
    assert answer["unknown"] == []


def test_the_default_revision_has_the_plain_name(tmp_path: Path, capsys: Capture) -> None:
    answer = verified(tmp_path, capsys, {"istio": "trustDomain: x"}, facts={"revision": "default"})

    assert wrong(answer) == {"trustDomain": "x"}


def test_a_shared_mesh_config_lies_below(tmp_path: Path, capsys: Capture) -> None:
    shared = istiod("istiod", CURRENT, shared="istio-user")
    maps = {
        "istio": "trustDomain: cluster.local",
        "istio-user": "trustDomain: other\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n",
    }

    assert wrong(verified(tmp_path, capsys, maps, shared)) == {
        "outboundTrafficPolicy": "REGISTRY_ONLY"
    }


def test_a_shared_mesh_config_that_is_not_read_is_said(tmp_path: Path, capsys: Capture) -> None:
    shared = istiod("istiod", CURRENT, shared="istio-user")

    (sentence,) = verified(tmp_path, capsys, {"istio": "{}"}, shared)["unknown"]

    assert "istio-user" in sentence


ANCHORS = """\
defaultServiceExportTo: &everywhere ["*"]
defaultVirtualServiceExportTo: *everywhere
defaultDestinationRuleExportTo: *everywhere
"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "# nothing but this",
        "null",
        ANCHORS,
        "enableAutoMtls: null",
        "enable_auto_mtls: true",
        "outboundTrafficPolicy: {mode: 1}",
        "outbound_traffic_policy: {mode: ALLOW_ANY}",
        "pathNormalization: {}",
        "pathNormalization: {normalization: 0}",
        "trustDomainAliases: []",
        "root_namespace: istio-system",
        "defaultDestinationRuleExportTo: ['*', '*']",
        "extensionProviders: [{name: a, envoyExtAuthzGrpc: {}}, {name: a, zipkin: {}}]",
        "discoverySelectors: null",
        json.dumps({"trustDomain": "cluster.local"}),
    ],
)
def test_what_says_what_istio_does_anyway(tmp_path: Path, capsys: Capture, text: str) -> None:
    answer = verified(tmp_path, capsys, {"istio": text})

    assert wrong(answer) == {}
    assert answer["unknown"] == []


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        # Stated without a mode it has that of the number 0.
        ("outboundTrafficPolicy: {}", "outboundTrafficPolicy", "REGISTRY_ONLY"),
        ("outboundTrafficPolicy: {mode: 0}", "outboundTrafficPolicy", "REGISTRY_ONLY"),
        ("enable_auto_mtls: false", "enableAutoMtls", False),
        ("trust_domain: x", "trustDomain", "x"),
        ("trust_domain: x\ntrustDomain: y", "trustDomain", "y"),
        ("trust_domain_aliases: [b, a, b]", "trustDomainAliases", ["a", "b"]),
        ("path_normalization: {normalization: 4}", "pathNormalization", "DECODE_AND_MERGE_SLASHES"),
        ("default_service_export_to: ['.']", "defaultServiceExportTo", ["."]),
        ("defaultVirtualServiceExportTo: ['~']", "defaultVirtualServiceExportTo", ["~"]),
        ("defaultDestinationRuleExportTo: [b, .]", "defaultDestinationRuleExportTo", [".", "b"]),
        ("discovery_selectors: [{}]", "discoverySelectors", [{}]),
        (
            "extensionProviders: [{name: a, zipkin: {}}, {name: a, envoyExtAuthzHttp: {}}]",
            "extensionProviders",
            ["a (http)"],
        ),
        ("x: &x {mode: REGISTRY_ONLY}\noutboundTrafficPolicy: *x", "outboundTrafficPolicy", None),
    ],
)
def test_every_spelling_is_read(
    tmp_path: Path, capsys: Capture, text: str, key: str, found: JSON
) -> None:
    answer = verified(tmp_path, capsys, {"istio": text}, code=1)

    assert wrong(answer) == {key: "REGISTRY_ONLY" if found is None else found}


def test_selectors_in_another_order_are_the_same(tmp_path: Path, capsys: Capture) -> None:
    facts = {"discoverySelectors": [{"matchLabels": {"a": "b"}}, {"matchLabels": {"c": "d"}}]}
    text = "discoverySelectors: [{matchLabels: {c: d}}, {matchLabels: {a: b}}]"

    assert wrong(verified(tmp_path, capsys, {"istio": text}, facts=facts)) == {}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("outboundTrafficPolicy: REGISTRY_ONLY", "outboundTrafficPolicy"),
        ("enableAutoMtls: 'false'", "enableAutoMtls"),
        ("trustDomainAliases: old", "trustDomainAliases"),
        ("trustDomain: [x]", "trustDomain"),
        ("trustDomain: ''", "trustDomain"),
        ("defaultServiceExportTo: '.'", "defaultServiceExportTo"),
        ("discoverySelectors: {matchLabels: {a: b}}", "discoverySelectors"),
        ("defaultConfig: []", "defaultConfig"),
    ],
)
def test_what_istiod_does_not_take_is_said(
    tmp_path: Path, capsys: Capture, text: str, key: str
) -> None:
    answer = verified(tmp_path, capsys, {"istio": text})

    assert any(f"MeshConfig has {key} as istiod does not take it" in s for s in answer["unknown"])


def test_a_list_of_nobody_is_said(tmp_path: Path, capsys: Capture) -> None:
    """It is kept as a list of nothing, and not as if it were not there."""
    answer = verified(tmp_path, capsys, {"istio": "defaultServiceExportTo: []"})

    (sentence,) = answer["unknown"]
    assert "MeshConfig has defaultServiceExportTo" in sentence


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a: {b: 1}\n---\nc: 1", "a: *b", "a: [", "- a"])
def test_what_cannot_be_read_is_no_pass(tmp_path: Path, capsys: Capture, text: str) -> None:
    answer = verified(tmp_path, capsys, {"istio": text}, code=7)

    assert "ConfigMap istio-system/istio" in answer["error"]


def test_layers_of_mesh_config() -> None:
    below: JSONObject = {
        "trustDomainAliases": ["a"],
        "defaultConfig": {"x": 1, "y": 1},
        "extensionProviders": [{"name": "z", "zipkin": {}}],
        "discoverySelectors": [{"matchLabels": {"a": "b"}}],
    }
    above: JSONObject = {
        "trustDomainAliases": ["b"],
        "defaultConfig": {"y": 2},
        "extensionProviders": [{"name": "z", "envoyExtAuthzHttp": {}}],
        "discoverySelectors": [],
    }

    both = layered(below, above)

    assert both["trustDomainAliases"] == ["a", "b"]
    assert both["defaultConfig"] == {"x": 1, "y": 2}
    assert [*map(str, both["extensionProviders"])] == [
        str(each["extensionProviders"][0]) for each in (below, above)
    ]
    assert both["discoverySelectors"] == []


def test_true_is_no_number() -> None:
    config = {"pathNormalization": {"normalization": True}, "enableAutoMtls": 1}

    assert normal(config) == config
    assert refused_keys(config) == ["enableAutoMtls"]
