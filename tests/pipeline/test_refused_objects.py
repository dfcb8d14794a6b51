"""Objects that the API server or istiod would refuse: every command ends as `validate` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.cli import main
from policy_repository import commit_all, copy_policies
from written_files import write_files

NAMELESS = "apiVersion: v1\nkind: Service\nmetadata: {namespace: boards}\n"
MISSPELT = (
    "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
    "metadata: {name: x, namespace: boards}\nspec: {mtls: {mode: strict}}\n"
)
STEPS = ("steps", "--base", "HEAD", "--env", "prod", "--engine", "jsonschema")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """This repository's policies as a commit."""
    root = copy_policies(tmp_path / "repository")
    commit_all(root, "base")
    return root


def validated(root: Path) -> int:
    return main(["-C", str(root), "validate", "prod", "--engine", "jsonschema"])


def test_what_the_inventory_has_of_them_is_in_no_step(repository: Path) -> None:
    write_files(repository, {"inventory/prod/x.yaml": NAMELESS})

    assert validated(repository) == 0
    assert main(["-C", str(repository), *STEPS]) == 0


def test_steps_to_a_refused_object_end_with_what_is_found_wrong(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kustomization = repository / "overlays/prod/kustomization.yaml"
    kustomization.write_text(
        kustomization.read_text().replace("\nresources:\n", "\nresources:\n  - x.yaml\n")
    )
    write_files(repository, {"overlays/prod/x.yaml": MISSPELT})

    assert validated(repository) == 1
    capsys.readouterr()
    assert main(["-C", str(repository), *STEPS]) == 1
    assert "PeerAuthentication/boards/x would be refused" in capsys.readouterr().err
