"""What an operator makes is captured as it runs: one workload for each template and each label."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from live_objects import containers, deployment, live, namespace, pods, proxy, service
from meshgate.cluster import capture
from meshgate.cluster.capture import Live
from meshgate.cluster.kinds import ALL
from meshgate.mesh import DataPlane, Mesh
from meshgate.mesh.pod_labels import OF_ONE_POD
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

SPACE = "shop"
OPERATORS = {
    "Rollout": "argoproj.io/v1alpha1",
    "Kafka": "kafka.strimzi.io/v1",
    "Revision": "serving.knative.dev/v1",
    "Deployment": "acme.example/v1",
}


def owned(value: JSONObject, api: str, kind: str, name: str) -> JSONObject:
    value["metadata"]["ownerReferences"] = [
        {"apiVersion": api, "kind": kind, "name": name, "uid": "u", "controller": True}
    ]
    return value


def controller(kind: str, name: str, own: JSONObject, **spec: object) -> JSONObject:
    template = {"metadata": {"labels": own}, "spec": {"containers": containers("app")}}
    return live(kind, SPACE, name, spec={"template": template, **spec})


def pod(name: str, own: JSONObject, *, sidecar: bool = True) -> JSONObject:
    inside = [*containers("app"), *([proxy("sidecar")] if sidecar else [])]
    return live(
        *("Pod", SPACE, name),
        labels=own,
        spec={"containers": inside},
        status={"phase": "Running"},
    )


VERSIONS = {kind.kind: kind.api_version for kind in ALL}


def typed(objects: Iterable[JSONObject]) -> list[JSONObject]:
    return [{**each, "apiVersion": VERSIONS[each["kind"]]} for each in objects]


def dumped(objects: Iterable[JSONObject]) -> Mesh:
    """The mesh of `kubectl get -o yaml`."""
    return Mesh([Resource.of(each) for each in typed(objects)], MeshFacts())


def mesh_of(objects: Iterable[JSONObject]) -> Mesh:
    by_kind: dict[str, list[JSONObject]] = {}
    for each in typed(objects):
        by_kind.setdefault(each["kind"], []).append(each)
    captured = capture.running(Live(by_kind, [], []), MeshFacts())
    return Mesh([Resource.of(each) for each in captured.objects], MeshFacts())


def names(mesh: Mesh) -> set[str]:
    return {f"{each.kind}/{each.name}" for each in mesh.workloads}


def of_an_operator() -> list[JSONObject]:
    """A Kafka of Strimzi: two StatefulSets with pods, a Deployment that is scaled to nothing."""
    api, kind, name = OPERATORS["Kafka"], "Kafka", "events"
    made = [
        controller("StatefulSet", "events-broker", {"app": "broker"}),
        controller("StatefulSet", "events-zookeeper", {"app": "zookeeper"}),
        controller("Deployment", "events-exporter", {"app": "exporter"}, replicas=0),
    ]
    of_pods = [
        owned(
            pod(
                f"{each['metadata']['name']}-0",
                {
                    **each["spec"]["template"]["metadata"]["labels"],
                    "statefulset.kubernetes.io/pod-name": f"{each['metadata']['name']}-0",
                    "controller-revision-hash": "x-7",
                },
            ),
            *("apps/v1", "StatefulSet", each["metadata"]["name"]),
        )
        for each in made[:2]
    ]
    return [namespace(SPACE), *(owned(each, api, kind, name) for each in made), *of_pods]


def test_each_controller_of_an_operator_is_a_workload() -> None:
    mesh = mesh_of(of_an_operator())

    assert names(mesh) == {
        "StatefulSet/events-broker",
        "StatefulSet/events-zookeeper",
        "Deployment/events-exporter",
    }
    planes = {each.name: each.plane for each in mesh.workloads}
    assert planes["events-broker"] is DataPlane.SIDECAR
    assert [each.name for each in mesh.selected(SPACE, {"app": "zookeeper"})] == [
        "events-zookeeper"
    ]


def test_a_dump_of_the_same_is_read_the_same() -> None:
    assert names(dumped(of_an_operator())) == names(mesh_of(of_an_operator()))


def rollout(name: str, *sorts: tuple[str, JSONObject, int]) -> list[JSONObject]:
    """ReplicaSets of a Rollout of Argo: the hash, the labels of the template, how many pods."""
    made = []
    for hashed, own, count in sorts:
        marked = {**own, "rollouts-pod-template-hash": hashed}
        each = controller("ReplicaSet", f"{name}-{hashed}", marked)
        each["metadata"]["labels"] = marked
        made.append(owned(each, OPERATORS["Rollout"], "Rollout", name))
        for number in range(count):
            one = pod(f"{name}-{hashed}-{number}", marked)
            made.append(owned(one, "apps/v1", "ReplicaSet", f"{name}-{hashed}"))
    return made


@pytest.mark.parametrize(
    ("sorts", "expected"),
    [
        # Another rollout of the same is no other workload, and what is over is none.
        ([("aaa", {"app": "web"}, 2), ("bbb", {"app": "web"}, 1)], {"web"}),
        ([("aaa", {"app": "old"}, 0), ("bbb", {"app": "web"}, 1)], {"web"}),
        ([("aaa", {"app": "web"}, 0)], {"web"}),
    ],
)
def test_a_rollout_keeps_its_name(
    sorts: list[tuple[str, JSONObject, int]], expected: set[str]
) -> None:
    mesh = mesh_of([namespace(SPACE), *rollout("web", *sorts)])

    assert {each.name for each in mesh.workloads} == expected
    assert not any(OF_ONE_POD & each.labels.keys() for each in mesh.workloads)


def test_a_canary_with_other_labels_is_another_workload() -> None:
    stable = ("aaa", {"app": "web", "role": "stable"}, 2)
    canary = ("bbb", {"app": "web", "role": "canary"}, 1)
    mesh = mesh_of([namespace(SPACE), *rollout("web", stable, canary)])

    assert len(mesh.selected(SPACE, {"app": "web"})) == 2
    assert len(mesh.selected(SPACE, {"role": "canary"})) == 1


def test_services_of_one_rollout_and_of_one_pod_reach_what_they_reach() -> None:
    """Argo points its Services at a hash, StatefulSets are published pod by pod."""
    objects = [
        namespace(SPACE),
        *rollout("web", ("aaa", {"app": "web"}, 1), ("bbb", {"app": "web"}, 1)),
        *of_an_operator()[1:],
        service(SPACE, "canary", selector={"app": "web", "rollouts-pod-template-hash": "bbb"}),
        service(
            *(SPACE, "broker-0"),
            selector={"statefulset.kubernetes.io/pod-name": "events-broker-0"},
        ),
    ]
    mesh = mesh_of(objects)

    reached = {
        each.name: {one.name for one in mesh.selected(SPACE, each.selector or {})}
        for each in mesh.services
    }
    assert reached == {"canary": {"web"}, "broker-0": {"events-broker"}}


def test_pods_that_a_custom_resource_makes_itself() -> None:
    objects = [
        namespace(SPACE),
        *(
            owned(
                pod(
                    f"db-{number}",
                    {"app": "db", "role": role, "cnpg.io/instanceName": f"db-{number}"},
                ),
                *("postgresql.cnpg.io/v1", "Cluster", "db"),
            )
            for number, role in enumerate(("primary", "replica", "replica"))
        ),
    ]
    mesh = mesh_of(objects)

    assert len(mesh.workloads) == 2
    assert {each.labels["role"] for each in mesh.workloads} == {"primary", "replica"}
    assert not any("cnpg.io/instanceName" in each.labels for each in mesh.workloads)
    one = mesh_of([objects[0], objects[2], objects[3]])
    assert names(one) == {"Cluster/db"}


def test_two_owners_of_one_name_are_two() -> None:
    objects = [
        namespace(SPACE),
        owned(pod("x1", {"app": "a"}), OPERATORS["Rollout"], "Rollout", "web"),
        owned(pod("x2", {"app": "b"}), OPERATORS["Kafka"], "Kafka", "web"),
        pod("web", {"app": "c"}),
    ]
    mesh = mesh_of(objects)

    assert len(mesh.workloads) == 3
    assert {each.labels["app"] for each in mesh.workloads} == {"a", "b", "c"}


def test_executors_are_not_their_driver() -> None:
    objects = [
        namespace(SPACE),
        pod("pi-driver", {"spark-role": "driver"}),
        *(
            owned(
                pod(f"pi-{number}", {"spark-role": "executor", "spark-exec-id": str(number)}),
                *("v1", "Pod", "pi-driver"),
            )
            for number in (1, 2)
        ),
    ]
    mesh = mesh_of(objects)

    assert sorted(each.labels["spark-role"] for each in mesh.workloads) == ["driver", "executor"]


def test_pods_that_lag_behind_their_template_stand_beside_it() -> None:
    changed = controller("Deployment", "web", {"app": "web", "version": "v2"})
    behind = owned(pod("web-1", {"app": "web", "version": "v1"}), "apps/v1", "Deployment", "web")
    mesh = mesh_of([namespace(SPACE), changed, behind])

    assert {each.labels["version"] for each in mesh.workloads} == {"v1", "v2"}


def test_what_is_added_to_every_pod_is_of_the_workload() -> None:
    plain = controller("Deployment", "web", {"app": "web"})
    added = owned(pod("web-1", {"app": "web", "team": "x"}), "apps/v1", "Deployment", "web")
    mesh = mesh_of([namespace(SPACE), plain, added])

    (workload,) = mesh.workloads
    assert workload.labels["team"] == "x"


KEYS, VALUES = ("app", "role", "version"), ("a", "b")
SELECTORS = [
    dict(zip(keys, values, strict=True))
    for size in range(1, len(KEYS) + 1)
    for keys in itertools.combinations(KEYS, size)
    for values in itertools.product(VALUES, repeat=size)
]
OWN = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
KINDS = st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"])
OWNERS = st.sampled_from([None, *OPERATORS])


@st.composite
def clusters(draw: st.DrawFn) -> list[JSONObject]:
    """Controllers of all kinds, of nobody or of an operator, with pods that may lag behind."""
    objects = [namespace(SPACE)]
    for number in range(draw(st.integers(1, 4))):
        kind, own, operator = draw(KINDS), draw(OWN), draw(OWNERS)
        # One operator has several things of one name.
        instance = draw(st.sampled_from(["one", "two"]))
        name = f"{instance}-{number}"
        maker = (OPERATORS[operator], operator, instance) if operator else None
        if kind != "Pod":
            made = controller(kind, name, own)
            objects.append(owned(made, *maker) if maker else made)
            api = "batch/v1" if kind == "Job" else "apps/v1"
            maker = (api, kind, name)
        for index in range(draw(st.integers(0, 3))):
            has = draw(st.one_of(st.just(own), OWN))
            marked = {**has, draw(st.sampled_from(sorted(OF_ONE_POD))): f"{name}-{index}"}
            one = pod(f"{name}-{index}", marked, sidecar=draw(st.booleans()))
            objects.append(owned(one, *maker) if maker else one)
    return objects


@examples(150)
@given(clusters())
def test_every_running_pod_has_a_workload_that_the_same_selectors_select(
    objects: list[JSONObject],
) -> None:
    for mesh in (mesh_of(objects), dumped(objects)):
        selected = {
            frozenset(
                index
                for index, selector in enumerate(SELECTORS)
                if selector.items() <= workload.labels.items()
            )
            for workload in mesh.workloads
        }
        for each in objects:
            if each["kind"] == "Pod":
                own = each["metadata"]["labels"].items()
                assert (
                    frozenset(i for i, wanted in enumerate(SELECTORS) if wanted.items() <= own)
                    in selected
                )


ODD_OWNERS: dict[str, JSON] = {
    "none": [],
    "null": None,
    "a text": "x",
    "nulls": [None],
    "numbers": [1],
    "of no kind": [{"name": "a", "controller": True}],
    "two that control": [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "controller": True},
        {"apiVersion": "x/v1", "kind": "Foo", "name": "b", "controller": True},
    ],
    "none that controls": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a"}],
    "itself": [{"apiVersion": "v1", "kind": "Pod", "name": "cart", "controller": True}],
    "a number": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": 5, "controller": "true"}],
    "its node": [{"apiVersion": "v1", "kind": "Node", "name": "n", "controller": True}],
}


@pytest.mark.parametrize("what", ODD_OWNERS)
def test_whatever_a_pod_says_of_its_owner_it_is_captured(what: str) -> None:
    owner = deployment("shop", "cart")
    running_pods = list(pods(owner, proxy("sidecar")))
    for pod in running_pods:
        pod["metadata"]["ownerReferences"] = ODD_OWNERS[what]
    by_kind: dict[str, list[JSONObject]] = {}
    for each in (namespace("shop"), owner, *running_pods):
        version = {kind.kind: kind.api_version for kind in reversed(ALL)}[each["kind"]]
        by_kind.setdefault(each["kind"], []).append({**each, "apiVersion": version})

    found = capture.running(Live(by_kind, [], []), MeshFacts()).objects

    kinds = [each["kind"] for each in found]
    assert "Deployment" in kinds, "it has no pods of its own now, and is there"
    assert "Pod" in kinds, "and so is what runs"
