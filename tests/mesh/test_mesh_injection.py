"""Which pods get a sidecar, and which workloads there are at all."""

from __future__ import annotations

from typing import Any

import pytest

from meshes import (
    Object,
    deployment,
    istio,
    mesh,
    namespace,
    outcomes,
    pod_template,
    service,
    shop,
    thing,
)
from meshgate.mesh import DataPlane, Outcome

INJECT = "sidecar.istio.io/inject"


@pytest.mark.parametrize(
    ("place", "labels", "annotations", "plane"),
    [
        ({"injection": "enabled"}, {}, {}, "sidecar"),
        ({"injection": "enabled"}, {INJECT: "false"}, {}, "none"),
        ({"injection": "enabled"}, {}, {INJECT: "false"}, "none"),
        ({"injection": "enabled"}, {INJECT: "true"}, {INJECT: "false"}, "sidecar"),
        ({"injection": "disabled"}, {INJECT: "true"}, {}, "none"),
        ({"injection": None}, {}, {}, "none"),
        ({"injection": None}, {INJECT: "true"}, {}, "sidecar"),
        ({"injection": None}, {}, {INJECT: "true"}, "none"),
        ({"injection": None, "istio.io/rev": "stable"}, {}, {}, "sidecar"),
        ({"injection": "disabled", "istio.io/rev": "stable"}, {}, {}, "none"),
        ({"injection": None}, {"istio.io/rev": "stable"}, {}, "sidecar"),
        ({"injection": None}, {"istio.io/rev": "stable", INJECT: "false"}, {}, "none"),
        ({"injection": None, "istio.io/dataplane-mode": "ambient"}, {}, {}, "ambient"),
        (
            {"injection": None, "istio.io/dataplane-mode": "ambient"},
            {"istio.io/dataplane-mode": "none"},
            {},
            "none",
        ),
        ({"injection": None}, {"istio.io/dataplane-mode": "ambient"}, {}, "ambient"),
        ({"injection": "enabled", "istio.io/dataplane-mode": "ambient"}, {}, {}, "sidecar"),
        ({"injection": "enabled"}, {}, {"inject.istio.io/templates": "gateway"}, "gateway"),
        ({"injection": "enabled"}, {}, {"inject.istio.io/templates": "grpc-agent"}, "unknown"),
    ],
)
def test_injection(place: Any, labels: Object, annotations: Object, plane: str) -> None:
    own = namespace("x", place.pop("injection"), **place)
    model = mesh(own, deployment("app", "x", {"app": "app", **labels}, annotations=annotations))
    assert model.workload("x", "app").plane == plane


def test_host_network_and_system_namespaces_are_never_injected() -> None:
    model = mesh(
        namespace("x"),
        namespace("kube-system"),
        deployment("node", "x", hostNetwork=True),
        deployment("dns", "kube-system"),
    )
    assert [workload.plane for workload in model.workloads] == ["none", "none"]


def test_without_namespace_object_only_the_pod_can_tell() -> None:
    model = mesh(
        deployment("silent", "x"),
        deployment("in", "x", {"app": "in", INJECT: "true"}),
        deployment("out", "x", {"app": "out", INJECT: "false"}),
    )
    assert {each.name: str(each.plane) for each in model.workloads} == {
        "silent": "unknown",
        "in": "sidecar",
        "out": "none",
    }
    reason = "the inventory has no Namespace x, whose labels decide on sidecars"
    assert model.workload("x", "silent").plane_reason == reason
    answer = model.server_mode("x", "silent", 8080)
    assert (answer.mode, answer.decided, answer.reason) == (None, False, reason)


def test_calls_of_and_to_unknown_workloads_are_unknown() -> None:
    model = shop(deployment("silent", "x"), service("silent", "x"))
    assert outcomes(model, "x/silent") == [Outcome.UNKNOWN]
    assert outcomes(model, "a/ui", "silent.x") == [Outcome.UNKNOWN]


def test_a_proxy_container_settles_it() -> None:
    template = pod_template({"app": "app"}, {"http": 8080})
    template["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2"})
    router = pod_template({"app": "gate"}, {"http": 8080})
    router["spec"]["containers"] = [
        {"name": "istio-proxy", "image": "proxyv2", "args": ["proxy", "router"]}
    ]
    native = pod_template({"app": "native"}, {"http": 8080})
    native["spec"]["initContainers"] = [
        {"name": "istio-proxy", "image": "proxyv2", "restartPolicy": "Always"}
    ]
    asking = pod_template({"app": "asking"}, {"http": 8080})
    asking["spec"]["containers"].append({"name": "istio-proxy", "image": "auto"})
    model = mesh(
        namespace("x", None),
        *(
            thing("apps/v1", "Deployment", name, "x", spec={"template": own})
            for name, own in (
                ("app", template),
                ("gate", router),
                ("native", native),
                ("asking", asking),
            )
        ),
    )
    assert {each.name: str(each.plane) for each in model.workloads} == {
        "app": "sidecar",
        "gate": "gateway",
        "native": "sidecar",
        "asking": "none",
    }


def test_what_a_gateway_resource_selects_is_a_gateway_unless_injection_makes_it_a_sidecar() -> None:
    model = mesh(
        namespace("x"),
        namespace("bare", None),
        deployment("edge", "bare", {"app": "edge", "role": "edge"}),
        deployment("edge", "x", {"app": "edge", "role": "edge"}),
        deployment("app", "x"),
        istio("Gateway", "g", "other", selector={"role": "edge"}, servers=[]),
    )
    assert model.workload("bare", "edge").plane is DataPlane.GATEWAY
    assert model.workload("x", "edge").plane is DataPlane.SIDECAR
    assert model.workload("x", "app").plane is DataPlane.SIDECAR


def test_openshift_service_mesh_2_injects_what_asks() -> None:
    objects = (
        namespace("x"),
        deployment("quiet", "x"),
        deployment("asking", "x", annotations={INJECT: "true"}),
    )
    model = mesh(*objects, distribution="ossm2")
    assert model.workload("x", "quiet").plane is DataPlane.NONE
    assert model.workload("x", "asking").plane is DataPlane.SIDECAR


def owned(name: str, kind: str, owner: str, labels: Object, **spec: Any) -> Object:
    pod = thing("v1", "Pod", name, "x", labels=labels, spec={"containers": [], **spec})
    pod["metadata"]["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
    return pod


def test_every_kind_of_workload_is_one() -> None:
    template = pod_template({"app": "w"}, {"http": 8080}, serviceAccountName="robot")
    job = {"spec": {"template": template}}
    model = mesh(
        namespace("x"),
        thing("apps/v1", "Deployment", "deployment", "x", spec={"template": template}),
        thing("apps/v1", "StatefulSet", "stateful", "x", spec={"template": template}),
        thing("apps/v1", "DaemonSet", "daemon", "x", spec={"template": template}),
        thing("batch/v1", "Job", "job", "x", spec={"template": template}),
        thing("batch/v1", "CronJob", "cron", "x", spec={"jobTemplate": job}),
        thing("v1", "Pod", "pod", "x", labels={"app": "w"}, spec=template["spec"]),
    )
    assert [(each.kind, each.service_account) for each in model.workloads] == [
        ("CronJob", "robot"),
        ("DaemonSet", "robot"),
        ("Deployment", "robot"),
        ("Job", "robot"),
        ("Pod", "robot"),
        ("StatefulSet", "robot"),
    ]
    assert [each.name for each in model.selected("x", {"app": "w"})] == [
        "cron",
        "daemon",
        "deployment",
        "job",
        "pod",
        "stateful",
    ]


def test_running_pods_are_folded_into_their_controller() -> None:
    hashed = {"app": "web", "pod-template-hash": "5d4f"}
    replica_set = thing("apps/v1", "ReplicaSet", "web-5d4f", "x", spec={})
    replica_set["metadata"]["ownerReferences"] = [
        {"kind": "Deployment", "name": "web", "controller": True}
    ]
    injected = [{"name": "istio-proxy", "image": "proxyv2"}]
    model = mesh(
        namespace("x", None),
        deployment("web", "x"),
        replica_set,
        owned("web-5d4f-1", "ReplicaSet", "web-5d4f", hashed, containers=injected),
        owned("web-5d4f-2", "ReplicaSet", "web-5d4f", hashed, containers=injected),
        owned("lone-77-1", "ReplicaSet", "lone-77", {"app": "lone", "pod-template-hash": "77"}),
        owned("static", "Node", "worker-1", {"app": "static"}),
    )
    assert [(each.kind, each.name) for each in model.workloads] == [
        ("Deployment", "lone"),
        ("Pod", "static"),
        ("Deployment", "web"),
    ]
    # The namespace's label is gone, but the pods still run with their sidecars.
    assert model.workload("x", "web").plane is DataPlane.SIDECAR
    assert model.workload("x", "web").pods == ("web-5d4f-1", "web-5d4f-2")


def test_pods_that_disagree_leave_the_workload_unknown() -> None:
    injected = [{"name": "istio-proxy", "image": "proxyv2"}]
    model = mesh(
        namespace("x", None),
        deployment("web", "x"),
        owned("web-1", "Deployment", "web", {"app": "web"}, containers=injected),
        owned("web-2", "Deployment", "web", {"app": "web"}),
    )
    workload = model.workload("x", "web")
    assert workload.plane is DataPlane.UNKNOWN
    assert workload.plane_reason == "some of its pods have a sidecar and some have none"


def test_pods_that_are_not_ready_are_still_endpoints() -> None:
    waiting = owned("cart-1", "Deployment", "cart", {"app": "cart"})
    waiting["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    done = owned("cart-2", "Deployment", "cart", {"app": "cart"})
    done["status"] = {"phase": "Succeeded"}
    for pod in (waiting, done):
        pod["metadata"]["namespace"] = "b"
        pod["spec"]["containers"] = [{"name": "istio-proxy", "image": "proxyv2"}]
    model = shop(waiting, done)
    cart = model.workload("b", "cart")
    assert not cart.ready
    assert cart.pods == ("cart-1",)
    assert outcomes(model, "a/ui") == [Outcome.OK_MTLS]


def test_injection_adds_labels_that_selectors_see() -> None:
    labels = shop().workload("b", "cart").labels
    assert labels["security.istio.io/tlsMode"] == "istio"
    assert labels["service.istio.io/canonical-name"] == "cart"
    assert labels["service.istio.io/canonical-revision"] == "latest"
    assert "security.istio.io/tlsMode" not in shop().workload("a", "old").labels
