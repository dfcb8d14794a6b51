"""An istiod that answers oddly, late, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from meshgate.model import JSONObject
from odd_servers import (
    LOGIN_PAGE,
    Capture,
    running_cart,
    told,
)
from recorded_api import RecordedApi
from verified_cluster import verify

pytestmark = pytest.mark.sampled(every=3)


@pytest.fixture
def running_objects() -> list[JSONObject]:
    return running_cart()


class FakeIstiod:
    """A debug interface whose answers a test gives, by path."""

    def __init__(self) -> None:
        self.by_path: dict[str, tuple[int, str]] = {"/version": (200, "1.31.2-abc-Clean")}
        self.url = ""

    def proxies(self, *names: str) -> None:
        listed = [{"proxy": name, "proxy_type": "sidecar"} for name in names]
        self.by_path["/debug/syncz"] = (200, json.dumps(listed))


@pytest.fixture
def istiod() -> Iterator[FakeIstiod]:
    fake = FakeIstiod()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path if self.path in fake.by_path else self.path.partition("?")[0]
            status, text = fake.by_path.get(path, (404, "not connected"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


ODD_TEXTS = [LOGIN_PAGE, '{"a": 1}', '["text"]', "7", "[null]", '[{"proxy": 1}]', "NaN", ""]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_istiod_that_lists_no_proxies(
    repository: Path, api: RecordedApi, istiod: FakeIstiod, capsys: Capture, text: str
) -> None:
    istiod.by_path["/debug/syncz"] = (200, text)

    assert verify(repository, api, "--istiod", istiod.url) == 7
    assert f"istiod at {istiod.url} answers debug/syncz" in told(capsys)


@pytest.mark.parametrize(
    "text",
    [
        *(LOGIN_PAGE, "null", "[]", '{"configs": 3}', '{"configs": [null]}'),
        json.dumps({"configs": [{"@type": "x.ClustersConfigDump", "dynamicActiveClusters": 3}]}),
        json.dumps(
            {
                "configs": [
                    {
                        "@type": "x.ClustersConfigDump",
                        "dynamicActiveClusters": [{"cluster": {"name": "outbound|http||host"}}],
                    }
                ]
            }
        ),
        json.dumps({"configs": [{"@type": "x.ListenersConfigDump", "dynamicListeners": ["a"]}]}),
    ],
)
def test_an_istiod_that_dumps_no_configuration(
    repository: Path, api: RecordedApi, istiod: FakeIstiod, capsys: Capture, text: str
) -> None:
    istiod.proxies("cart-7d4b9-x0.shop")
    istiod.by_path["/debug/config_dump"] = (200, text)

    assert verify(repository, api, "--istiod", istiod.url) == 7
    assert f"istiod at {istiod.url} answers" in told(capsys)


DUMP = json.dumps({"configs": []})


def test_a_proxy_that_left_ends_nothing(
    repository: Path, api: RecordedApi, istiod: FakeIstiod, capsys: Capture
) -> None:
    istiod.proxies("cart-7d4b9-x0.shop", "cart-7d4b9-x1.shop")
    istiod.by_path["/debug/config_dump?proxyID=cart-7d4b9-x1.shop"] = (200, DUMP)

    assert verify(repository, api, "--istiod", istiod.url, "--format", "json") in {0, 1}
    pushed = json.loads(capsys.readouterr().out)["pushed"]
    assert (pushed["proxies"], pushed["gone"]) == (1, ["cart-7d4b9-x0.shop"])


def behind(*marks: tuple[str, str]) -> str:
    """What `syncz` says of a proxy that was sent, and took, listeners with these marks."""
    proxy = {"proxy": "cart-7d4b9-x0.shop", "proxy_type": "sidecar"}
    return json.dumps(
        [{**proxy, "listener_sent": sent, "listener_acked": took} for sent, took in marks]
    )


@pytest.mark.parametrize(
    ("then", "late"),
    [(("b", "b"), 0), (("b", "a"), 1), (("c", "b"), 0), (None, 0)],
    ids=["taken", "not taken", "sent anew", "left"],
)
def test_a_push_on_its_way_is_not_late(
    repository: Path,
    api: RecordedApi,
    istiod: FakeIstiod,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    then: tuple[str, str] | None,
    late: int,
) -> None:
    istiod.by_path["/debug/syncz"] = (200, behind(("b", "a")))
    istiod.by_path["/debug/config_dump"] = (200, DUMP)
    pauses: list[float] = []

    def later(seconds: float) -> None:
        pauses.append(seconds)
        istiod.by_path["/debug/syncz"] = (200, behind(*([then] if then else [])))

    monkeypatch.setattr("time.sleep", later)
    verify(repository, api, "--istiod", istiod.url, "--format", "json")
    pushed = json.loads(capsys.readouterr().out)["pushed"]
    assert len(pushed["late"]) == late
    assert pauses


def test_a_pod_that_is_still_to_start_has_no_proxy(
    repository: Path, api: RecordedApi, istiod: FakeIstiod, capsys: Capture
) -> None:
    istiod.proxies("cart-7d4b9-x0.shop")
    istiod.by_path["/debug/config_dump"] = (200, DUMP)
    for each in api.objects:
        if each["metadata"]["name"] == "cart-7d4b9-x1":
            each["status"]["phase"] = "Pending"

    verify(repository, api, "--istiod", istiod.url)
    assert "was not seen" not in capsys.readouterr().out


def test_proxies_of_another_replica_are_counted(
    repository: Path, api: RecordedApi, istiod: FakeIstiod, capsys: Capture
) -> None:
    istiod.proxies("cart-7d4b9-x0.shop")
    istiod.by_path["/debug/config_dump"] = (200, DUMP)

    verify(repository, api, "--istiod", istiod.url)
    assert "of 1 running pod the proxy was not seen" in (text := capsys.readouterr().out)
    assert "cart-7d4b9-x1.shop" in text
    istiod.proxies("cart-7d4b9-x0.shop", "cart-7d4b9-x1.shop")
    verify(repository, api, "--istiod", istiod.url)
    assert "was not seen" not in capsys.readouterr().out
