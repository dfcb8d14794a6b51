"""What generators of ApplicationSets give, as far as files tell."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from meshgate.adoption.contents import read
from meshgate.adoption.generators import filled, parameters, selects
from meshgate.model import JSONObject

CLUSTER = {"argocd.argoproj.io/secret-type": "cluster"}


def cluster(name: str, kind: str = "Secret", **labels: str) -> JSONObject:
    metadata = {"name": f"secret-of-{name}", "labels": {**CLUSTER, **labels}}
    if kind == "SealedSecret":
        spec = {"template": {"metadata": metadata}}
        return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    encoded = base64.b64encode(name.encode()).decode()
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"name": encoded}}


FILES = {
    "clusters/eu.yaml": cluster("eu", env="prod", tier="1"),
    "clusters/us.yaml": cluster("us", env="prod"),
    "clusters/lab.yaml": cluster("lab", env="lab"),
    "clusters/sealed.yaml": cluster("sealed", "SealedSecret", env="sealed"),
    "settings/a/config.json": {"app": "a", "tags": ["x", "y"], "on": True},
    "settings/b/config.json": {"app": "b"},
    "settings/old/config.json": {"app": "old"},
}
PROD: JSONObject = {"clusters": {"selector": {"matchLabels": {"env": "prod"}}}}
OLD: JSONObject = {"path": "settings/old/*", "exclude": True}
GIT: JSONObject = {"git": {"files": [{"path": "settings/*/config.json"}, OLD]}}
GENERATORS: dict[str, tuple[JSONObject, str, list[str]]] = {
    "clusters by label": (PROD, "{{name}} {{metadata.labels.env}}", ["eu prod", "us prod"]),
    "clusters by expression": (
        {"clusters": {"selector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}},
        "{{.name}}",
        ["eu"],
    ),
    "every cluster, and the one Argo CD is in": (
        {"clusters": {}},
        "{{.name}}",
        ["eu", "lab", "secret-of-sealed", "us", "in-cluster"],
    ),
    "values of a cluster": (
        {"clusters": {**PROD["clusters"], "values": {"at": "{{name}}-1"}}},
        "{{.values.at}}",
        ["eu-1", "us-1"],
    ),
    "files but the excluded": (GIT, "{{.app}} {{.path.basename}}", ["a a", "b b"]),
    "lists and truth": (
        GIT,
        "{{ index .tags 1 }} {{.on}}",
        ["y true", "{{ index .tags 1 }} {{.on}}"],
    ),
    "a selector on a generator": (
        {**GIT, "selector": {"matchLabels": {"app": "b"}}},
        "{{app}}",
        ["b"],
    ),
    "directories": (
        {"git": {"directories": [{"path": "settings/*"}, {**OLD, "path": "settings/old"}]}},
        "{{path[1]}} {{path}}",
        ["a settings/a", "b settings/b"],
    ),
    "a matrix whose second is a template of the first": (
        {
            "matrix": {
                "generators": [
                    {"list": {"elements": [{"app": "a"}, {"app": "b"}]}},
                    {"git": {"files": [{"path": "settings/{{app}}/*"}]}},
                ]
            }
        },
        "{{path.filename}} {{path.basename}}",
        ["config.json a", "config.json b"],
    ),
    "a merge": (
        {
            "merge": {
                "mergeKeys": ["name"],
                "generators": [PROD, {"list": {"elements": [{"name": "us", "size": "big"}]}}],
            }
        },
        "{{name}} {{size}}",
        ["eu {{size}}", "us big"],
    ),
    "what asks a forge": ({"pullRequest": {"github": {"owner": "x"}}}, "{{branch}}", []),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_generators(tmp_path: Path, name: str) -> None:
    for file, value in FILES.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(json.dumps(value))
    generator, template, expected = GENERATORS[name]

    given = parameters(read(tmp_path), generator)

    assert [filled(template, each) for each in given] == expected


def test_no_cluster_is_guessed(tmp_path: Path) -> None:
    assert parameters(read(tmp_path), {"clusters": {}}) == []


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["a"], True),
        ("NotIn", ["a"], False),
        ("NotIn", ["b"], True),
        ("DoesNotExist", None, False),
        ("Gt", ["1"], False),
    ],
)
def test_selectors(operator: str, values: list[str] | None, *, expected: bool) -> None:
    expression = {"key": "x", "operator": operator, "values": values}

    assert selects({"matchExpressions": [expression]}, {"x": "a"}) is expected
