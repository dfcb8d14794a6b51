"""Kinds that an API server does not serve, no longer, in another version, or not just now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from captured_cluster import capture
from live_objects import deployment, live, namespace, peer_authentication, service
from meshgate.cli import main
from meshgate.model import JSON, JSONObject
from recorded_api import RecordedApi, recorded_api
from verified_cluster import verify

pytestmark = pytest.mark.sampled(every=3)

Capture = pytest.CaptureFixture[str]
SECURITY = "/apis/security.istio.io/v1beta1"
POLICIES = f"{SECURITY}/authorizationpolicies"
GATEWAY = "/apis/gateway.networking.k8s.io"
NO_SUCH = {"kind": "Status", "message": "the server could not find the requested resource"}


@pytest.fixture
def api(repository: Path, tmp_path: Path, capsys: Capture) -> Iterator[RecordedApi]:
    """A cluster as it was reviewed, with three policies of somebody else."""
    assert main(["-C", str(repository), "render", "prod"]) == 0
    rendered = list(yaml.safe_load_all(capsys.readouterr().out))
    istiod = deployment("istio-system", "istiod")
    istiod["metadata"]["labels"] = {"app": "istiod"}
    istiod["spec"]["template"]["spec"]["containers"][0]["image"] = "istio/pilot:1.31.0"
    denied = [live("AuthorizationPolicy", "shop", f"deny-{n}", spec={}) for n in range(3)]
    meshed = {"istio-injection": "enabled"}
    shop = (namespace("shop", **meshed), service("shop", "cart"), deployment("shop", "cart"))
    with recorded_api(tmp_path, [*rendered, *shop, istiod, *denied]) as running:
        assert capture(repository, running, "--force") == 0
        capsys.readouterr()
        yield running


def files(root: Path) -> dict[str, str]:
    folder = root / "inventory/prod"
    return {file.name: file.read_text() for file in folder.rglob("*.yaml")}


def test_a_definition_that_is_gone_is_drift(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.unserved.add("AuthorizationPolicy")

    assert verify(repository, api) == 1
    out = capsys.readouterr().out
    assert "AuthorizationPolicy/shop/deny-0 is missing" in out
    assert "the API server does not serve authorizationpolicies.security.istio.io" in out
    assert capture(repository, api) == 2
    assert "kind AuthorizationPolicy: 3 before, 0 now; the API server does not serve the kind" in (
        capsys.readouterr().err
    )


def test_a_kind_that_nobody_wants_is_no_matter(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.unserved |= {"CiliumNetworkPolicy", "HTTPRoute", "GlobalNetworkPolicy"}

    assert verify(repository, api, "--strict") == 0
    assert "does not serve" not in capsys.readouterr().out


def test_a_version_that_is_gone_is_read_in_the_next(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.gone |= {"security.istio.io/v1beta1", "networking.istio.io/v1beta1"}

    assert verify(repository, api, "--strict") == 0, capsys.readouterr().out
    assert capture(repository, api) == 0
    deny = next(
        each
        for each in yaml.safe_load_all(files(repository)["shop.yaml"])
        if each["kind"] == "AuthorizationPolicy"
    )
    assert deny["apiVersion"] == "security.istio.io/v1"


def served(api: RecordedApi, version: str, *plurals: str) -> None:
    """Have discovery name a version of the Gateway API."""
    resources = [{"name": name} for name in plurals]
    api.answers[GATEWAY] = [(200, {"versions": [{"version": version}]}, {})]
    api.answers[f"{GATEWAY}/{version}"] = [(200, {"resources": resources}, {})]


def test_a_version_to_come_is_not_taken_for_nothing(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.unserved |= {"HTTPRoute", "GRPCRoute"}
    served(api, "v2", "httproutes", "httproutes/status")

    assert verify(repository, api) == 0
    out = capsys.readouterr().out
    assert (
        "not known: httproutes.gateway.networking.k8s.io, which the API server serves as v2" in out
    )
    assert "grpcroutes" not in out
    assert verify(repository, api, "--strict") == 1
    assert capture(repository, api) == 0
    assert "not known: httproutes.gateway" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (GATEWAY, (503, {"message": "the API is not available"})),
        (GATEWAY, (403, {"message": "forbidden"})),
        (GATEWAY, (200, "<html>log in</html>")),
        (GATEWAY, (200, {"versions": ["v2"]})),
        (f"{GATEWAY}/v2", (503, {"message": "the API is not available"})),
        (f"{GATEWAY}/v2", (200, {"resources": {"httproutes": 1}})),
    ],
)
def test_discovery_that_says_nothing_is_said(
    repository: Path, api: RecordedApi, capsys: Capture, path: str, answer: tuple[int, JSON]
) -> None:
    api.unserved.add("HTTPRoute")
    served(api, "v2", "httproutes")
    api.answers[path] = [(*answer, {})]

    assert verify(repository, api) == 0
    assert "not known: whether the API server serves httproutes.gateway" in capsys.readouterr().out
    assert verify(repository, api, "--strict") == 1


UNREADABLE: list[tuple[tuple[int, JSON], str]] = [
    ((403, {"message": "forbidden"}), "not allowed to list"),
    ((401, {"message": "Unauthorized"}), "not allowed to list"),
    # An aggregated API whose server is down.
    ((503, {"message": "the server is currently unable to handle the request"}), "HTTP 503"),
    ((500, ""), "HTTP 500"),
    ((410, {"message": "too old"}), "changed faster than it could be read"),
    # No API server says so.
    ((404, "<html><h1>Not Found</h1></html>"), "HTTP 404"),
    ((404, {"error": "no such route"}), "HTTP 404"),
    ((404, {"message": "no Route matched with those values"}), "HTTP 404"),
    ((404, ""), "HTTP 404"),
    ((204, ""), "HTTP 204"),
    ((302, ""), "HTTP 302"),
]


@pytest.mark.parametrize(("answer", "says"), UNREADABLE)
def test_what_is_no_answer_ends_the_run(
    repository: Path, api: RecordedApi, capsys: Capture, answer: tuple[int, JSON], says: str
) -> None:
    held = files(repository)
    api.answers[POLICIES] = [(*answer, {})]

    assert verify(repository, api) == 7
    assert capture(repository, api, "--force") == 7
    told = capsys.readouterr().err
    assert says in told
    assert "authorizationpolicies.security.istio.io" in told
    assert files(repository) == held


def test_a_status_of_404_is_the_servers_own(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.answers[POLICIES] = [(404, NO_SUCH, {})]
    api.gone.add("security.istio.io/v1")

    assert verify(repository, api) == 1
    assert "AuthorizationPolicy/shop/deny-0 is missing" in capsys.readouterr().out


def test_half_of_a_list_is_none(
    repository: Path, api: RecordedApi, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definition goes while its objects are listed."""
    answered = api.answer

    def going(path: str, query: dict[str, list[str]]) -> tuple[int, JSON]:
        if path == POLICIES and "continue" in query:
            api.unserved.add("AuthorizationPolicy")
        return answered(path, query)

    monkeypatch.setattr(api, "answer", going)

    assert verify(repository, api) == 1
    out = capsys.readouterr().out
    assert all(f"AuthorizationPolicy/shop/deny-{number} is missing" in out for number in range(3))


def test_two_kinds_of_one_name_are_told_apart(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    """The NetworkPolicies of Calico are gone, and those of Kubernetes are there."""
    own = live("NetworkPolicy", "shop", "own", spec={"podSelector": {}})
    own["apiVersion"] = "networking.k8s.io/v1"
    api.objects.append(own)
    calico: JSONObject = {**own, "apiVersion": "crd.projectcalico.org/v1"}
    manual = repository / "inventory/prod/manual"
    manual.mkdir()
    (manual / "calico.yaml").write_text(json.dumps(calico))
    api.gone.add("crd.projectcalico.org/v1")
    assert capture(repository, api) == 0

    assert verify(repository, api) == 1
    out = capsys.readouterr().out
    assert "NetworkPolicy/shop/own is missing" in out
    assert "does not serve networkpolicies.crd.projectcalico.org" in out


def test_without_its_own_kinds_there_is_no_mesh(
    repository: Path, api: RecordedApi, capsys: Capture
) -> None:
    api.gone |= {
        f"{group}.istio.io/{v}" for group in ("security", "networking") for v in ("v1", "v1beta1")
    }
    api.objects.append(peer_authentication("shop", "x", "STRICT"))

    assert verify(repository, api) == 7
    assert "serves no DestinationRule and no PeerAuthentication" in capsys.readouterr().err
