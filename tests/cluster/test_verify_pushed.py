"""What istiod has pushed, against what the model says of the same objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

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
from meshgate.cluster.capture import Live, running
from meshgate.cluster.capture.redact import redacted
from meshgate.cluster.verify import pushed
from meshgate.mesh import Mesh, Mode
from meshgate.model import JSON, JSONObject, MeshFacts, Resource
from places import TESTS
from recorded_api import RecordedApi, recorded_api
from verified_cluster import (
    Capture,
    reviewed_objects,
    told,
    verify,
)

pytestmark = pytest.mark.sampled(every=2)
RECORDING = TESTS / "recordings/istiod"


def recorded(name: str) -> JSON:
    return json.loads((RECORDING / f"{name}.json").read_text())


@pytest.fixture
def running_objects(repository: Path) -> list[JSONObject]:
    return reviewed_objects(repository)


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
