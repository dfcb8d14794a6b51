"""`meshgate inventory capture`: what is written down of a live cluster, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from captured_cluster import (
    Capture,
    capture,
    files,
    inventory,
    mesh,
    objects_of_a_shop,
)
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
from meshgate import schema
from meshgate.mesh import DataPlane
from meshgate.model import JSONObject
from recorded_api import RecordedApi, recorded_api

pytestmark = pytest.mark.sampled(every=2)


@pytest.fixture
def running_objects() -> list[JSONObject]:
    return objects_of_a_shop()


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
