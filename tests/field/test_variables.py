"""Variables that Flux or kustomize replaces: their values, and what is said without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from field_trees import REPOSITORIES, STRICT, Capture, judged, lint

from meshgate.cli import main
from meshgate.model import JSONObject, Resource, put_in, substituted
from meshgate.yamldoc import scalars
from written_files import write_files

FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 10m
  prune: true
  sourceRef: {kind: GitRepository, name: apps}
  path: ./overlays/prod
  postBuild:
    substitute: {CLUSTER_DOMAIN: example.com}
    substituteFrom: [{kind: ConfigMap, name: more}]
"""
MORE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: more, namespace: flux-system}
data: {WEB_NAMESPACE: shop, CLUSTER_DOMAIN: other.example.com}
"""
VARIABLES = (REPOSITORIES / "09-flux-vars" / "vs.yaml").read_text(encoding="utf-8")
TREE = {
    "environments.yaml": "environments:\n  - name: prod\n    overlay: overlays/prod\n",
    "overlays/prod/kustomization.yaml": "resources: [vs.yaml, pa.yaml]\n",
    "overlays/prod/vs.yaml": VARIABLES,
    "overlays/prod/pa.yaml": STRICT,
}


def replaced(text: object, **values: str) -> object:
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "a"},
        "spec": {"host": text},
    }
    done = substituted([Resource.of(rule)], values, scalars.plain)
    return "unresolved" if done.unresolved else done.resources[0].spec["host"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.${X}.b", "a.x.b"),
        ("${X:=other}", "x"),
        ("${Z:=other}", "other"),
        ("${Z:-other}", "other"),
        ("${EMPTY-other}", None),
        ("${EMPTY:-other}", "other"),
        ("${X:+set}${Z:+set}", "set"),
        ("$${X}", "${X}"),
        ("${N}", 80),
        ("p${N}", "p80"),
        ("$(X)", "x"),
        ("${Z}", "unresolved"),
        ("${X/a/b}", "unresolved"),
        ("$X and $1", "$X and $1"),
    ],
)
def test_variables_are_replaced_as_flux_does(text: str, expected: object) -> None:
    assert replaced(text, X="x", N="80", EMPTY="") == expected


def test_without_a_value_there_is_one_finding_a_file(capsys: Capture) -> None:
    assert lint(capsys, REPOSITORIES / "09-flux-vars").rules == ["RE009"]


def test_values_come_from_the_environment(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, TREE)
    assert judged(capsys, "-C", tmp_path, "validate").rules == ["RE009"]

    given = "    substitute: {CLUSTER_DOMAIN: example.com, WEB_NAMESPACE: shop}\n"
    write_files(tmp_path, {"environments.yaml": TREE["environments.yaml"] + given})
    assert judged(capsys, "-C", tmp_path, "validate").rules == []

    given = "    substitute: overlays/prod.env.yaml\n"
    values = "CLUSTER_DOMAIN: example.com\nWEB_NAMESPACE: shop\n"
    write_files(
        tmp_path,
        {
            "environments.yaml": TREE["environments.yaml"] + given,
            "overlays/prod.env.yaml": values,
        },
    )
    assert judged(capsys, "-C", tmp_path, "validate").rules == []
    write_files(tmp_path, {"overlays/prod.env.yaml": "[a]\n"})
    assert main(["-C", str(tmp_path), "validate"]) == 2


def test_values_come_from_flux_objects_of_the_repository(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, {**TREE, "clusters/apps.yaml": FLUX, "clusters/more.yaml": MORE})

    assert judged(capsys, "-C", tmp_path, "validate").rules == []
    elsewhere = FLUX.replace("overlays/prod", "overlays/dev")
    write_files(tmp_path, {"clusters/apps.yaml": elsewhere})
    assert judged(capsys, "-C", tmp_path, "validate").rules == ["RE009"]


def test_lint_takes_values_of_flux_objects_beside(tmp_path: Path, capsys: Capture) -> None:
    write_files(tmp_path, {"vs.yaml": VARIABLES, "flux.yaml": f"{FLUX}---\n{MORE}"})

    assert lint(capsys, tmp_path).rules == []


SWITCH = "kustomize.toolkit.fluxcd.io/substitute"


def applied(kind: str, value: JSONObject, **values: str) -> JSONObject:
    api = "networking.istio.io/v1" if kind == "DestinationRule" else "v1"
    whole = {"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, **value}
    (done,) = put_in([Resource.of(whole)], values, scalars.plain)
    return done.value


def test_what_is_written_has_values_and_defaults() -> None:
    spec = {"spec": {"host": "${A}.${B:=b}.${C}"}}

    assert applied("DestinationRule", spec, A="a")["spec"] == {"host": "a.b.${C}"}
    # Kubernetes' own references, scripts without values, and what SOPS has encrypted stay.
    data = {"data": {"x": "${A} $(A) ${B:=b}"}}
    assert applied("ConfigMap", data)["data"] == data["data"]
    assert applied("ConfigMap", data, A="a")["data"] == {"x": "a $(A) b"}
    assert applied("ConfigMap", {**data, "sops": {}}, A="a")["data"] == data["data"]


def test_text_that_looks_like_a_variable_is_kept_from_flux() -> None:
    done = applied("ConfigMap", {"data": {"run": "echo $${HOME} ${A}"}}, A="a")

    assert done["data"] == {"run": "echo ${HOME} a"}
    assert done["metadata"] == {"name": "a", "annotations": {SWITCH: "disabled"}}
    assert applied("ConfigMap", {k: done[k] for k in ("data", "metadata")}, HOME="no") == done
