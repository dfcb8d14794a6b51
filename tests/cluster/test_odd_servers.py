"""A server that answers with anything else than what it should is an error with its name."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from live_objects import deployment, namespace, pods, proxy
from meshgate import answers
from meshgate.cli import init as init_command
from meshgate.cli import main
from meshgate.cluster import login
from meshgate.masking import masked
from meshgate.model import JSON, JSONObject
from recorded_api import RecordedApi, recorded_api

pytestmark = pytest.mark.sampled(every=3)

Capture = pytest.CaptureFixture[str]
LOGIN_PAGE = "<html>\n::error::you are hacked\n##[group]x\n<form>log in</form></html>"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd") / "repository"
    init_command.init(root)
    return root


@pytest.fixture
def api(tmp_path: Path) -> Iterator[RecordedApi]:
    cart = deployment("shop", "cart")
    objects = [namespace("shop"), cart, *pods(cart, proxy("sidecar"), proxy("sidecar"))]
    with recorded_api(tmp_path, objects) as running:
        yield running


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


def verify(root: Path, api: RecordedApi, *arguments: str) -> int:
    return main(["-C", str(root), "verify", "prod", *api.options, *arguments])


def told(capsys: Capture) -> str:
    """The error, no line of which is a command for the log of a CI job."""
    text = capsys.readouterr().err
    assert "Traceback" not in text
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in text.splitlines())
    return text


ITEM: JSONObject = {"metadata": {"name": "x", "namespace": "shop"}, "spec": {}}
ODD_LISTS: list[JSON] = [
    LOGIN_PAGE,
    "null",
    "[]",
    '"text"',
    '{"items": NaN}',
    {"items": {"a": 1}},
    {"items": ["text"]},
    {"items": [None]},
    {"items": [{"metadata": None}]},
    {"items": [{"metadata": {"name": 7}}]},
    {"items": [{**ITEM, "spec": "text"}]},
    {"items": [{**ITEM, "status": [1]}]},
    {"items": [{"metadata": {"name": "x", "labels": {"a": 1}}}]},
    {"items": [{"metadata": {"name": "x", "labels": ["a"]}}]},
    {"items": [{"metadata": {"name": "x", "namespace": 3}}]},
    {"items": [{"metadata": {"name": "x", "ownerReferences": ["web"]}}]},
    {},
    {"metadata": {}},
    {"items": [], "metadata": "text"},
    {"items": [], "metadata": {"continue": 7}},
    {"items": [ITEM], "metadata": {"continue": "for-ever"}},
]


@pytest.mark.parametrize("answer", ODD_LISTS, ids=str)
def test_a_list_that_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, answer: JSON
) -> None:
    api.answers["/api/v1/pods"] = [(200, answer, {})]

    assert verify(repository, api) == 7
    assert "recorded: " in (text := told(capsys))
    assert "pods" in text


@pytest.mark.parametrize(
    "mesh",
    ["[1, 2]", "text", "a: [", "a: 1\na: 2"],
)
def test_a_mesh_config_that_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, mesh: str
) -> None:
    api.config_maps["istio-system/istio"] = {"mesh": mesh}

    assert verify(repository, api) == 7
    assert "ConfigMap istio-system/istio" in told(capsys)


def test_a_server_says_no_more_than_a_line(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.answers["/api/v1/pods"] = [(500, {"message": LOGIN_PAGE + "x" * 5000}, {})]

    assert verify(repository, api) == 7
    text = told(capsys)
    assert len(text.splitlines()) == 2
    assert len(text) < 600


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(
    repository: Path,
    api: RecordedApi,
    slept: list[float],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    busy = (status, {"message": "too many requests"}, {"Retry-After": "2"})
    api.answers["/api/v1/pods"] = [busy, busy]

    assert verify(repository, api) == 1, "it was read"
    assert slept == [2, 2]
    assert "the API server of recorded asks to wait: trying again in 2 s" in caplog.text


WAITS = {"3600": [], "25": [25, 25], "soon": [1.0] * 10, "nan": [1.0] * 10, "-3": [0] * 10}


@pytest.mark.parametrize("after", WAITS)
def test_a_server_that_stays_busy_is_no_answer(
    repository: Path, api: RecordedApi, slept: list[float], capsys: Capture, after: str
) -> None:
    api.answers["/api/v1/pods"] = [(429, {"message": "later"}, {"Retry-After": after})] * 20

    assert verify(repository, api) == 7
    assert slept == WAITS[after]
    assert "HTTP 429" in told(capsys)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-1", 0),
        ("Mon, 30 Nov 2026 00:00:20 GMT", 20),
        ("Mon, 30 Nov 2026 00:00:20 -0000", 20),
        ("Sun, 29 Nov 2026 00:00:00 GMT", 0),
        *((odd, None) for odd in ("", "soon", "nan", "inf", "1e999", "Mon, 99 Nov", "٣٣ x")),
    ],
)
def test_retry_after(stated: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1795996800.0)

    assert answers.retry_after({"Retry-After": stated}) == seconds
    assert answers.retry_after({}) is None


@pytest.mark.parametrize(
    ("date", "age", "seconds"),
    [
        ("Mon, 30 Nov 2026 00:00:20 GMT", None, 20),
        ("Sun, 29 Nov 2026 00:00:00 GMT", None, -86400),
        # A cache kept it.
        ("Sun, 29 Nov 2026 23:59:00 GMT", "60", 0),
        ("Sun, 29 Nov 2026 23:59:00 GMT", "-60", -60),
        ("Sun, 29 Nov 2026 23:59:00 GMT", "9" * 400, -60),
        *((odd, None, None) for odd in ("", "now", "1795996800", "Mon, 99 Nov", None)),
    ],
)
def test_the_clock_of_a_server(
    date: str | None, age: str | None, seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1795996800.0)
    headers = {name: text for name, text in (("Date", date), ("Age", age)) if text is not None}

    ahead = answers.clock_ahead(headers)
    assert (None if ahead is None else ahead.total_seconds()) == seconds


def test_a_date_to_wait_for_is_one_of_the_servers_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is an hour behind: the server asks for twenty seconds all the same."""
    monkeypatch.setattr("time.time", lambda: 1795996800.0)
    until = "Mon, 30 Nov 2026 01:00:20 GMT"

    told = {"Retry-After": until, "Date": "Mon, 30 Nov 2026 01:00:00 GMT"}
    assert answers.retry_after(told) == pytest.approx(20)
    assert answers.retry_after(told | {"Date": "today"}) == pytest.approx(3620)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "NaN", "", "1 2 3"], ids=len)
def test_what_is_no_json_is_a_value_error(content: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        answers.parsed(content)


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


def plugin(api: RecordedApi, folder: Path, script: str, **settings: JSON) -> None:
    """Let the kubeconfig's account be given by a program."""
    file = folder / "give-account"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    value = json.loads(api.kubeconfig.read_text())
    value["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(file),
            "interactiveMode": "Never",
            **settings,
        }
    }
    api.kubeconfig.write_text(json.dumps(value))


CREDENTIAL = (
    'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
    '"status": {"token": "\'"$TOKEN"\'"}}\''
)


def test_an_exec_plugin_gives_the_account(
    repository: Path, api: RecordedApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin(api, tmp_path, CREDENTIAL, env=[{"name": "TOKEN", "value": "of-the-plugin"}])
    caplog.set_level("DEBUG")

    assert verify(repository, api, "--verbose") == 1, "it was read"
    assert api.tokens == {"Bearer of-the-plugin"}
    assert f"exec plugin is run: {tmp_path}/give-account" in caplog.text
    assert "of-the-plugin" not in caplog.text


KEY = "dGhpc0lzMTYgYSBzZWNyZXQgb2Ygc29tZWJvZHkgZWxzZQ=="
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("token=s3cr3t and more", "token=*** and more"),
        ("give --token s3cr3t --region eu", "give --token *** --region eu"),
        ("password: 's3cr3t'", "password: '***'"),
        ('{"clientSecret": "s3cr3t"}', '{"clientSecret": "***"}'),
        ("AWS_SECRET_ACCESS_KEY=s3cr3t", "AWS_SECRET_ACCESS_KEY=***"),
        ("Authorization: Bearer s3cr3t", "Authorization: Bearer ***"),
        (f"got {JWT}", "got ***"),
        (f"got {KEY}", "got ***"),
        *((plain, plain) for plain in (
            "The security token included in the request is invalid",
            "token expired: run `aws sso login`",
            "aws eks get-token --cluster-name prod-of-somebody-with-a-rather-long-name-1",
            "/home/me/.local/share/plugins/with_a_long_name_of_more_than_forty_characters",
        )),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_repeated(said: str, left: str) -> None:
    assert masked(said) == left


@pytest.mark.parametrize("script", ["echo token=s3cr3t >&2; exit 1", "echo s3cr3t", "exit 1"])
def test_an_exec_plugin_tells_no_secret(
    repository: Path,
    api: RecordedApi,
    tmp_path: Path,
    capsys: Capture,
    script: str,
) -> None:
    plugin(api, tmp_path, script, args=["--token", "s3cr3t", "--password=s3cr3t"])

    assert verify(repository, api, "--verbose") == 7
    assert "--token *** --password=***" in (text := told(capsys))
    assert "s3cr3t" not in text


FAILING = {
    "echo 'token expired: run `aws sso login`' >&2; exit 255": "aws sso login",
    "echo not json": "something else than JSON",
    "echo null": "no ExecCredential",
    "echo '{\"status\": null}'": "no ExecCredential",
    CREDENTIAL.replace("/v1", "/v1beta1"): "the kubeconfig wants",
    CREDENTIAL: "neither a token nor a certificate",
    # A header of its own would follow.
    CREDENTIAL.replace("echo", "TOKEN='a X-Evil:b'; echo"): "spaces or line breaks",
    "kill -9 $$": "signal 9",
    "exec sleep 60": "did not end within",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PLUGIN_TIMEOUT", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("script", FAILING)
def test_an_exec_plugin_that_fails_is_the_error(
    repository: Path, api: RecordedApi, tmp_path: Path, capsys: Capture, script: str
) -> None:
    plugin(api, tmp_path, script)

    assert verify(repository, api) == 7
    text = told(capsys)
    assert "exec plugin" in text
    assert FAILING[script] in text
    assert "RBAC" not in text
    assert "reader.yaml" not in text
    assert api.asked == [], "never as system:anonymous"


def test_an_exec_plugin_that_is_not_installed(
    repository: Path, api: RecordedApi, tmp_path: Path, capsys: Capture
) -> None:
    plugin(api, tmp_path, "", command="no-such-plugin", installHint="brew install it")

    assert verify(repository, api) == 7
    text = told(capsys)
    assert "no-such-plugin" in text
    assert "brew install it" in text


@pytest.mark.parametrize("text", ["", "null", "[]", "users: 3", "contexts: [text]", "a: ["])
def test_a_kubeconfig_that_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, text: str
) -> None:
    api.kubeconfig.write_text(text)

    assert verify(repository, api) == 2
    assert "--context recorded: cannot be used" in told(capsys)
