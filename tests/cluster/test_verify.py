"""`meshgate verify`: what is not as reviewed is named, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import yaml

from live_objects import (
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
from meshgate.cluster.capture import Live, running
from meshgate.cluster.capture.redact import redacted
from meshgate.cluster.verify import pushed
from meshgate.cluster.verify.drift import ABSENT, drift
from meshgate.config import load
from meshgate.mesh import Mesh, Mode
from meshgate.model import JSON, JSONObject, MeshFacts, Resource
from meshgate.promotion import evidence
from places import REPOSITORY, TESTS
from recorded_api import RecordedApi, recorded_api

pytestmark = pytest.mark.sampled(every=2)

Capture = pytest.CaptureFixture[str]
RECORDING = TESTS / "recordings/istiod"
SCHEMA = json.loads((REPOSITORY / "schemas/meshgate/verification.schema.json").read_text())


LOOKED_AT = {("security.istio.io", "PeerAuthentication")}


def recorded(name: str) -> JSON:
    return json.loads((RECORDING / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "repository"
    init_command.init(folder)
    return folder


@pytest.fixture
def repository(template: Path) -> Path:
    """Read only: no test of this file may write to it."""
    return template


@pytest.fixture
def api(repository: Path, tmp_path: Path) -> Iterator[RecordedApi]:
    """A cluster that has what is rendered, with the workloads of the inventory running."""
    rendered = source.render(repository, "overlays/prod", cache=None).resources
    objects = [dressed(resource.value) for resource in rendered]
    for resource in source.read_folder(repository, "inventory/prod"):
        objects.append(dressed(resource.value))
        if resource.kind == "Deployment":
            objects += pods(objects[-1], proxy("sidecar"))
    with recorded_api(tmp_path, objects) as running_api:
        yield running_api


def dressed(value: JSONObject) -> JSONObject:
    """An object as the server gives it back: with its own metadata, and what an agent added."""
    own = copy.deepcopy(value)
    own["metadata"] |= {"uid": "u", "resourceVersion": "1", "managedFields": [{"manager": "flux"}]}
    own["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    own["metadata"].setdefault("labels", {})["kustomize.toolkit.fluxcd.io/name"] = "mesh-policies"
    own["status"] = {"observedGeneration": 1}
    return own


def verify(root: Path, api: RecordedApi, *arguments: str) -> int:
    return main(["-C", str(root), "verify", "prod", *api.options, *arguments])


def told(capsys: Capture) -> JSONObject:
    value: JSONObject = json.loads(capsys.readouterr().out)
    jsonschema.validate(value, SCHEMA)
    return value


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
    template: Path, tmp_path: Path, api: RecordedApi, capsys: Capture
) -> None:
    root = tmp_path / "copy"
    init_command.init(root)
    foreign = peer_authentication("shop", "open", "DISABLE")
    foreign["apiVersion"] = "security.istio.io/v1"
    file = root / "inventory/prod/foreign.yaml"
    file.write_text(yaml.safe_dump(redacted(foreign)))
    api.objects.append(foreign)

    assert verify(root, api, "--format", "json") == 0
    assert told(capsys)["foreign"] == []

    foreign["spec"]["mtls"]["mode"] = "PERMISSIVE"
    assert verify(root, api, "--format", "json") == 1
    found = told(capsys)
    assert found["drift"] == []
    assert [each["kind"] for each in found["stale"]] == ["changed"]
    assert template != root


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


def rendered(**spec: JSON) -> Resource:
    return Resource.of({**STORED, "spec": spec})


STORED: JSONObject = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "x", "namespace": "shop", "labels": {"team": "shop"}},
}


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
    text = (root / "environments.yaml").read_text().replace("mode: floating", "mode: pinned")
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


def recorded_mesh() -> Mesh:
    """The mesh that the recorded istiod ran: of the lab's API server at that moment."""
    by_kind: dict[str, list[JSONObject]] = {}
    for each in recorded("objects"):
        by_kind.setdefault(each["kind"], []).append(each)
    held = Live(by_kind, [], [])
    deciding = held.of("PeerAuthentication", "DestinationRule", "ServiceEntry")
    objects = [*running(held, MeshFacts()).objects, *map(redacted, deciding)]
    return Mesh([Resource.of(each) for each in objects], MeshFacts())


@pytest.mark.parametrize("proxy_id", ["app-ui.web", "boards.boards"])
def test_the_model_says_what_a_real_istiod_pushed(proxy_id: str) -> None:
    name, space = proxy_id.split(".")
    mesh = recorded_mesh()

    found = pushed.compare(mesh, mesh.workload(space, name), recorded(proxy_id))

    assert found.disagreements == ()
    assert (found.ports, found.clusters, found.open) == (3, 24, 0)


def test_a_push_of_something_else_is_named() -> None:
    mesh, dump = recorded_mesh(), recorded("boards.boards")
    listeners = dump["configs"][1]["dynamicListeners"]
    inbound = next(
        each["activeState"]["listener"]
        for each in listeners
        if each["activeState"]["listener"]["name"] == "virtualInbound"
    )
    strict = next(each for each in inbound["filterChains"] if each["name"] == "0.0.0.0_8080")
    inbound["filterChains"].append(
        {"filterChainMatch": {"destinationPort": 8080, "transportProtocol": "raw_buffer"}}
    )
    assert strict["transportSocket"]
    cluster = next(
        each["cluster"]
        for each in dump["configs"][0]["dynamicActiveClusters"]
        if each["cluster"]["name"] == "outbound|8080||app-ui.web.svc.cluster.local"
    )
    del cluster["transportSocket"]

    found = pushed.compare(mesh, mesh.workload("boards", "boards"), dump).disagreements

    assert [(each.what, each.model, each.pushed) for each in found] == [
        ("port 8080", "STRICT", "PERMISSIVE"),
        ("calls to app-ui.web.svc.cluster.local:8080", "mtls", "plaintext"),
    ]


def test_a_port_that_nothing_accepts() -> None:
    tls = {"filterChainMatch": {"transportProtocol": "tls"}}

    assert pushed.accepted_mode([tls], 8080) is None
    assert pushed.accepted_mode([{**tls, "transportSocket": {}}, {}], 8080) is Mode.DISABLE


def test_a_proxy_that_is_behind() -> None:
    proxies = recorded("syncz")
    assert pushed.late(proxies) == []

    proxies[0]["listener_acked"] = "earlier"
    kind = "type.googleapis.com/envoy.config.listener.v3.Listener"
    proxies[0]["resources"][kind]["lastError"] = "rejected"
    sent = proxies[0]["listener_sent"]
    assert pushed.late(proxies) == [(proxies[0]["proxy"], "listeners", "rejected", sent)]


@pytest.fixture
def istiod() -> Iterator[str]:
    """The recorded istiod's debug interface on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            name = parse_qs(parts.query).get("proxyID", ["syncz"])[0]
            body = (RECORDING / f"{name}.json").read_bytes()
            self.send_response(401 if parts.path.startswith("/closed") else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_istiod_is_asked_about_one_proxy_of_each_workload(
    repository: Path, tmp_path: Path, istiod: str, capsys: Capture
) -> None:
    with recorded_api(tmp_path, recorded("objects")) as api:
        assert verify(repository, api, "--istiod", istiod, "--format", "json") == 1

    found = told(capsys)["pushed"]
    assert (found["proxies"], found["ports"], found["clusters"]) == (2, 6, 48)
    assert (found["disagreements"], found["late"]) == ([], [])


def test_no_proxy_at_all_is_no_pass(
    repository: Path, api: RecordedApi, istiod: str, capsys: Capture
) -> None:
    assert verify(repository, api, "--istiod", istiod) == 1
    assert "no sidecar of a known workload is connected" in capsys.readouterr().out


SILENT = {
    "localhost:15014": (2, "is no http or https address"),
    "http://127.0.0.1:1": (7, "istiod does not answer"),
    "{}/closed": (7, "does not let this account look at debug/syncz"),
}


@pytest.mark.parametrize("url", SILENT)
def test_an_istiod_that_does_not_tell(
    repository: Path, api: RecordedApi, istiod: str, capsys: Capture, url: str
) -> None:
    code, words = SILENT[url]

    assert verify(repository, api, "--istiod", url.format(istiod)) == code
    assert words in capsys.readouterr().err


def test_a_workload_that_the_inventory_lacks_counts(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    """Effects are judged on the workloads that run, not on those that were written down."""
    late = deployment("new", "late")
    api.objects += [
        namespace("new", **{"istio-injection": "enabled"}),
        service("new", "late"),
        late,
        *pods(late, proxy("sidecar")),
        live("Pod", "new", "lone", spec={"containers": containers("x")}),
        peer_authentication("new", "open", "PERMISSIVE"),
    ]

    assert verify(repository, api, "--format", "json") == 1
    assert {port["workload"] for port in told(capsys)["ports"]} == {"late"}
