"""What objects say that name no namespace, or that are there twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from field_trees import POD, REPOSITORIES, Capture, lint

from meshgate.cli import main
from meshgate.model import Resource, Scopes
from written_files import write_files

NO_NAMESPACE = REPOSITORIES / "02-no-namespace"
REPEAT = REPOSITORIES / "11-namespace-repeat"


def test_objects_without_a_namespace_are_in_one_and_told_once(capsys: Capture) -> None:
    linted = lint(capsys, NO_NAMESPACE)

    assert (linted.code, linted.rules) == (1, ["SH009"])
    assert "`-n NAMESPACE`" in str(linted.findings[0]["fix"])
    assert lint(capsys, NO_NAMESPACE, "-n", "shop").rules == []


def test_kinds_without_a_namespace_are_known_by_their_definitions(capsys: Capture) -> None:
    linted = lint(capsys, REPOSITORIES / "07-cluster-crd")

    assert linted.code == 0
    assert "SH009" not in linted.rules


def test_a_definition_decides_before_the_tables() -> None:
    policy = Resource.of({"apiVersion": "x.example/v1", "kind": "Wide", "metadata": {"name": "a"}})

    def defined(scope: str) -> Resource:
        names = {"kind": "Wide"}
        spec = {"group": "x.example", "scope": scope, "names": names}
        return Resource.of({"kind": "CustomResourceDefinition", "spec": spec})

    assert not Scopes().is_cluster_wide(policy)
    assert Scopes([defined("Cluster")]).is_cluster_wide(policy)
    assert not Scopes([defined("Namespaced")]).is_cluster_wide(policy)
    assert Scopes([defined("Cluster")]).landed(policy) is policy
    assert Scopes().landed(policy, "shop").namespace == "shop"


@pytest.mark.parametrize("file", ["with-one-known-client.yaml", "without-known-client.yaml"])
def test_a_missing_namespace_object_is_one_note(file: str, capsys: Capture) -> None:
    linted = lint(capsys, REPEAT / file)

    assert linted.rules == []
    assert [note for note in linted.notes if "no Namespace object of shop" in note] == linted.notes
    assert len(linted.notes) == 1
    for command in ("posture", "calls"):
        main([command, str(REPEAT / file)])
        assert capsys.readouterr().err.count("no Namespace object of shop") == 1


def test_a_known_namespace_needs_no_note(tmp_path: Path, capsys: Capture) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    write_files(tmp_path, {"pod.yaml": f"{POD}---\n{namespace}"})

    assert lint(capsys, tmp_path).notes == []


def test_what_is_overwritten_decides_nothing(tmp_path: Path, capsys: Capture) -> None:
    policy = (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: default, namespace: shop}\nspec: {mtls: {mode: %s}}\n"
    )
    write_files(tmp_path, {"a.yaml": policy % "DISABLE", "b.yaml": policy % "STRICT"})

    linted = lint(capsys, tmp_path)

    assert linted.rules == ["SH010"]
    assert "spec.mtls.mode is lost" in str(linted.findings[0]["message"])
