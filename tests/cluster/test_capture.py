"""`meshgate inventory capture`: what is written down of a live cluster, and what is not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from live_objects import (
    SECRET,
    containers,
    deployment,
    live,
    namespace,
    peer_authentication,
    pods,
    proxy,
    service,
)
from meshgate import schema, source
from meshgate.cli import init as init_command
from meshgate.cli import main
from meshgate.cluster.capture.facts import MeshControl, differences
from meshgate.cluster.kinds import ALL
from meshgate.errors import install_beside
from meshgate.mesh import DataPlane, Mesh
from meshgate.model import JSONObject, MeshFacts, Resource
from places import REPOSITORY
from recorded_api import CONTEXT, RecordedApi, recorded_api

pytestmark = pytest.mark.sampled(every=2)

Capture = pytest.CaptureFixture[str]
RIGHTS = REPOSITORY / "sync/rbac/reader.yaml"


def objects_of_a_shop() -> list[JSONObject]:
    """A namespace with injection and two Deployments whose pods have sidecars; one without."""
    cart, web, job = deployment("shop", "cart"), deployment("shop", "web"), deployment("jobs", "x")
    return [
        namespace("shop", **{"istio-injection": "enabled"}),
        namespace("jobs"),
        service("shop", "cart"),
        service("shop", "web", clusterIP="None"),
        *(cart, web, job),
        *pods(cart, proxy("sidecar"), proxy("sidecar")),
        *pods(web, proxy("sidecar")),
        *pods(job, None),
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    init_command.init(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[RecordedApi]:
    with recorded_api(tmp_path, objects_of_a_shop()) as running:
        yield running


def capture(root: Path, api: RecordedApi, *arguments: str) -> int:
    command = ["inventory", "capture", "prod", *api.options, *arguments]
    return main(["-C", str(root), *command])


def inventory(root: Path) -> list[Resource]:
    return list(source.read_folder(root, "inventory/prod"))


def mesh(root: Path) -> Mesh:
    return Mesh(inventory(root), MeshFacts())


def files(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (root / "inventory/prod").iterdir()}


def test_the_same_cluster_gives_the_same_bytes(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    assert capture(repository, api, "--force") == 0
    first = files(repository)
    api.objects.reverse()
    for each in api.objects:
        each["metadata"]["resourceVersion"] = "67890"
        each["metadata"]["uid"] = "another"
    capsys.readouterr()

    assert capture(repository, api) == 0
    assert files(repository) == first
    assert sorted(first) == ["jobs.yaml", "shop.yaml"]
    assert "nothing has changed" in capsys.readouterr().out


def test_nothing_leaves_the_cluster_but_what_is_read(repository: Path, api: RecordedApi) -> None:
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND"},
        "patch": {"operation": "MERGE", "value": {"token": SECRET}},
    }
    api.objects += [
        live("EnvoyFilter", "shop", "lua", spec={"configPatches": [patch]}),
        live(
            *("ValidatingWebhookConfiguration", None, "policy"),
            webhooks=[
                {
                    "name": "policy.example.com",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "clientConfig": {
                        "caBundle": SECRET,
                        "service": {"namespace": "shop", "name": "cart", "path": "/check"},
                    },
                }
            ],
        ),
    ]
    assert capture(repository, api, "--force") == 0

    written = b"".join(files(repository).values())
    assert SECRET.encode() not in written
    for word in (b"image", b"env:", b"volume", b"uid", b"managedFields", b"15090", b"path: /check"):
        assert word not in written
    assert not any("secrets" in path for path in api.asked)
    assert {path for path in api.asked if "configmaps" in path} == {
        "/api/v1/namespaces/istio-system/configmaps/istio"
    }


def test_what_is_written_is_what_validate_reads(repository: Path, api: RecordedApi) -> None:
    api.objects += [
        service("shop", "outside", selector=None),
        live(
            *("EndpointSlice", "shop", "outside-1"),
            labels={"kubernetes.io/service-name": "outside"},
            addressType="IPv4",
            ports=[{"name": "http", "port": 8080, "protocol": "TCP"}],
            endpoints=[{"addresses": ["10.1.0.2"], "conditions": {"ready": True}}],
        ),
        live("Service", "shop", "alias", spec={"type": "ExternalName", "externalName": "x.org"}),
        live("DestinationRule", "shop", "other", spec={"host": "cart"}),
    ]
    assert capture(repository, api, "--force") == 0

    found = inventory(repository)
    assert schema.check(found, istio="1.31", engine="jsonschema", allowed=None) == []
    assert {str(workload) for workload in mesh(repository).workloads} == {
        *("jobs/x", "shop/cart", "shop/web"),
    }
    headless = next(each for each in found if each.name == "web" and each.kind == "Service")
    assert headless.spec["clusterIP"] == "None"


@pytest.mark.parametrize(
    ("labels", "running", "plane"),
    [
        ({}, [proxy("sidecar")], DataPlane.SIDECAR),
        ({}, [None], DataPlane.NONE),
        ({"sidecar.istio.io/inject": "true"}, [None], DataPlane.NONE),
        ({"sidecar.istio.io/inject": "false"}, [proxy("sidecar")], DataPlane.SIDECAR),
        ({"sidecar.istio.io/inject": "false"}, [proxy("router")], DataPlane.GATEWAY),
        ({}, [proxy("sidecar"), None], DataPlane.UNKNOWN),
        ({}, [], DataPlane.SIDECAR),
    ],
)
def test_pods_that_run_decide_over_labels(
    repository: Path,
    capsys: Capture,
    labels: JSONObject,
    running: list[JSONObject | None],
    plane: DataPlane,
) -> None:
    owner = deployment("shop", "cart", labels=labels)
    objects = [namespace("shop", **{"istio-injection": "enabled"}), owner, *pods(owner, *running)]
    with recorded_api(repository.parent, objects) as api:
        assert capture(repository, api, "--force") == 0

    (workload,) = mesh(repository).workloads
    assert (str(workload), workload.plane) == ("shop/cart", plane)
    promised = DataPlane.NONE if labels.get("sidecar.istio.io/inject") == "false" else "sidecar"
    told = capsys.readouterr().err
    assert ("Deployment/shop/cart" in told) == (plane != promised)


def test_a_native_sidecar_and_ambient_are_seen(repository: Path, tmp_path: Path) -> None:
    native, ambient = deployment("shop", "native"), deployment("plain", "ambient")
    seen = [*pods(native, None), *pods(ambient, None)]
    for pod in seen:
        if pod["kind"] == "Pod" and pod["metadata"]["namespace"] == "shop":
            pod["spec"]["initContainers"] = [{**proxy("sidecar"), "restartPolicy": "Always"}]
        elif pod["kind"] == "Pod":
            pod["metadata"]["annotations"]["ambient.istio.io/redirection"] = "enabled"
    with recorded_api(
        tmp_path, [namespace("shop"), namespace("plain"), native, ambient, *seen]
    ) as api:
        assert capture(repository, api, "--force") == 0

    planes = {workload.name: workload.plane for workload in mesh(repository).workloads}
    assert planes == {"native": DataPlane.SIDECAR, "ambient": DataPlane.AMBIENT}


def test_pods_of_an_unknown_controller_stand_under_its_name(
    repository: Path, tmp_path: Path
) -> None:
    spec = {"containers": [*containers("web"), proxy("sidecar")]}
    replicas = [
        live(
            *("Pod", "shop", f"web-{suffix}"),
            owner=("Rollout", "web"),
            labels={"app": "web"},
            spec=spec,
            status={"phase": "Running"},
        )
        for suffix in ("a1", "b2")
    ]
    done = live("Pod", "shop", "migrate", spec=spec, status={"phase": "Succeeded"})
    lone = live("Pod", "shop", "rogue", labels={"app": "rogue"}, spec={"containers": []})
    with recorded_api(tmp_path, [namespace("shop"), *replicas, done, lone]) as api:
        assert capture(repository, api, "--force") == 0

    assert {str(workload) for workload in mesh(repository).workloads} == {"shop/web", "shop/rogue"}
    assert b"web-a1" not in files(repository)["shop.yaml"]


def test_jobs_that_are_done_are_gone(repository: Path, tmp_path: Path) -> None:
    template = {"template": {"spec": {"containers": containers("x")}}}
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    objects = [
        namespace("shop"),
        live("Job", "shop", "done", spec=template, status=done),
        live("Job", "shop", "runs", spec=template, status={"active": 1}),
        live("Job", "shop", "nightly-1", owner=("CronJob", "nightly"), spec=template),
        live("CronJob", "shop", "nightly", spec={"schedule": "@daily", "jobTemplate": {}}),
    ]
    with recorded_api(tmp_path, objects) as api:
        assert capture(repository, api, "--force") == 0

    names = {str(workload) for workload in mesh(repository).workloads}
    assert names == {"shop/runs", "shop/nightly"}


@pytest.mark.parametrize(
    ("mark", "foreign"),
    [
        ({}, True),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, True),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "mesh-policies-prod"}}, False),
        (
            {
                "annotations": {
                    "argocd.argoproj.io/tracking-id": "mesh-policies-prod-eu:x/y:shop/other"
                }
            },
            False,
        ),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "apps:x/y:shop/other"}}, True),
        # No longer rendered, and nobody will ever prune it.
        (
            {
                "labels": {"kustomize.toolkit.fluxcd.io/name": "mesh-policies-prod"},
                "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
            },
            True,
        ),
    ],
)
def test_policies_of_this_repository_are_not_foreign(
    repository: Path, api: RecordedApi, mark: JSONObject, *, foreign: bool
) -> None:
    api.objects += [
        peer_authentication("istio-system", "default", "STRICT"),
        peer_authentication("shop", "other", "DISABLE", **mark),
    ]
    assert capture(repository, api, "--force") == 0

    found = [each for each in inventory(repository) if each.kind == "PeerAuthentication"]
    assert [each.name for each in found] == (["other"] if foreign else [])
    for each in found:
        assert each.metadata["creationTimestamp"], "the oldest decides"


def test_a_policy_is_kept_to_the_letter(repository: Path, api: RecordedApi) -> None:
    """An empty `tls` turns TLS off, and none leaves it to auto mTLS."""
    spec = {"host": "cart", "trafficPolicy": {"tls": {}}, "workloadSelector": {}}
    api.objects.append(live("DestinationRule", "shop", "off", spec=spec))
    assert capture(repository, api, "--force") == 0

    assert next(each for each in inventory(repository) if each.name == "off").spec == spec


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
