"""Waves of clusters, and names that two environments could share, in odd files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from meshgate.cli import main
from meshgate.model import JSON, JSONObject

Capture = pytest.CaptureFixture[str]
ARGOCD = "sync/argocd/prod.yaml"


def with_clusters(root: Path, waves: JSON = None, **more: JSON) -> int:
    """`meshgate sync argocd` where prod has these clusters."""
    file = root / "environments.yaml"
    value = yaml.safe_load(file.read_text())
    value["sync"] = {"repository": "https://forge.example/mesh.git", "namespaces": NAMESPACES}
    for environment in value["environments"]:
        environment["clusters"] = {"selector": {"mesh-env": environment["name"]}}
    clusters = next(each for each in value["environments"] if each["name"] == "prod")["clusters"]
    clusters |= more
    if waves is not None:
        clusters["waves"] = waves
    file.write_text(yaml.safe_dump(value))
    return main(["-C", str(root), "sync", "argocd"])


NAMESPACES = ["istio-system", "shop"]


def application_set(root: Path) -> JSONObject:
    objects = list(yaml.safe_load_all((root / ARGOCD).read_text()))
    spec: JSONObject = next(each for each in objects if each["kind"] == "ApplicationSet")["spec"]
    return spec


def test_waves_let_nothing_stand_in_a_sync_policy(repository: Path) -> None:
    """An Application that was there before would keep its automatic sync, and come at once."""
    assert with_clusters(repository) == 0
    assert application_set(repository)["ignoreApplicationDifferences"]
    assert with_clusters(repository, [{"w": "a"}, {"w": "b"}]) == 0
    assert "ignoreApplicationDifferences" not in application_set(repository)


REFUSED: list[tuple[JSON, str]] = [
    ([{"w": "a"}, {"w": "a"}], "is left for wave 2"),
    ([{"w": "a"}, {"w": "b"}, {"w": "a", "region": "eu"}], "is left for wave 3"),
    ([{"w": "a"}, {"mesh-env": "staging"}], "is in wave 2"),
    ([{"mesh-env": "prod"}, {"w": "a"}], ""),
    ([{'x" }}{{ .server': "a"}, {"w": "b"}], "with the label"),
    ([{"w": "a b"}, {"w": "b"}], "with the label"),
    ([{"w": "a" * 64}, {"w": "b"}], "with the label"),
    ([{"/w": "a"}, {"w": "b"}], "with the label"),
    ([{"meshgate/environment": "prod"}, {"w": "b"}], "of meshgate's own"),
    ([], "waves"),
    ([{}], "waves"),
    ([{"w": None}], "waves"),
    ({"w": "a"}, "waves"),
]


@pytest.mark.parametrize(("waves", "says"), REFUSED, ids=lambda each: json.dumps(each)[:40])
@pytest.mark.sampled(every=2)
def test_a_wave_that_can_have_no_cluster(
    repository: Path, capsys: Capture, waves: JSON, says: str
) -> None:
    held = (repository / ARGOCD).read_text()

    assert with_clusters(repository, waves) == (2 if says else 0)
    assert says in capsys.readouterr().err
    assert ((repository / ARGOCD).read_text() == held) is bool(says)


def test_a_broad_wave_may_come_last(repository: Path, capsys: Capture) -> None:
    assert with_clusters(repository, [{"w": "a", "region": "eu"}, {"w": "a"}]) == 0
    assert "a cluster with region: eu, w: a is in wave 1 and in wave 2" in capsys.readouterr().err


def test_a_cluster_in_two_waves_is_told(repository: Path, capsys: Capture) -> None:
    assert with_clusters(repository, [{"tier": "canary"}, {"region": "eu"}]) == 0
    said = capsys.readouterr().err
    assert "region: eu, tier: canary is in wave 1 and in wave 2" in said
    assert "it is synced with wave 1" in said


def test_waves_apart_are_not_told(repository: Path, capsys: Capture) -> None:
    assert with_clusters(repository, [{"w": "a"}, {"w": "b"}, {"w": "c", "region": "eu"}]) == 0
    assert "wave" not in capsys.readouterr().err


def test_one_wave_is_told(repository: Path, capsys: Capture) -> None:
    assert with_clusters(repository, [{"w": "a"}]) == 0
    assert "prod: one wave in `clusters.waves` is no order" in capsys.readouterr().err
    assert main(["-C", str(repository), "sync", "flux"]) == 0
    assert "wave" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "others", "says"),
    [
        (["prod-*"], ["prod-eu"], "a cluster could be of prod (prod-*)"),
        (["prod-*"], ["*-eu"], "a cluster could be of prod (prod-*)"),
        (["prod"], ["prod-eu"], ""),
        (["prod-us", "prod-eu"], ["eu", "prod-eu"], "a cluster could be of prod (prod-eu)"),
        (["eu-1"], ["1"], "could be called like that of one of prod-eu (1)"),
        (["*-1"], ["1"], "could be called like that of one of prod-eu (1)"),
        (["eu*"], ["west"], "could be called like that of one of prod-eu (west)"),
        (["us-1"], ["1"], ""),
        (["**"], ["x"], "a cluster could be of dev (d) and of prod (**)"),
    ],
)
def test_names_that_two_environments_share(
    repository: Path, capsys: Capture, names: list[str], others: list[str], says: str
) -> None:
    file = repository / "environments.yaml"
    value = yaml.safe_load(file.read_text())
    prod = next(each for each in value["environments"] if each["name"] == "prod")
    selector = {"mesh-env": "prod-eu"}
    more = {"name": "prod-eu", "overlay": prod["overlay"], "mode": "floating"}
    value["environments"].append({**more, "clusters": {"selector": selector, "names": others}})
    file.write_text(yaml.safe_dump(value))
    (repository / "sync/argocd").mkdir(parents=True, exist_ok=True)

    for environment in value["environments"]:
        environment.setdefault("clusters", {"selector": {"mesh-env": environment["name"]}})
    prod["clusters"]["names"] = names
    value["environments"][0]["clusters"]["names"] = ["d"]
    value["sync"] = {"repository": "https://forge.example/mesh.git", "namespaces": NAMESPACES}
    file.write_text(yaml.safe_dump(value))

    assert main(["-C", str(repository), "sync", "argocd"]) == (2 if says else 0)
    assert says in capsys.readouterr().err
