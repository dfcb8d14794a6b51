"""The first record of an environment, and one that starts its files anew."""

from __future__ import annotations

from pathlib import Path

import pytest

import promoted
from meshgate.cli import main
from meshgate.promotion.environment_state import Event
from meshgate.promotion.files import rendered_folder, state_path
from meshgate.promotion.ledger import read_state
from pipeline import ENVIRONMENTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose environments are pinned, and have no state."""
    prepared = promoted.start(tmp_path / "repository")
    promoted.commit(prepared, {"environments.yaml": ENVIRONMENTS}, "let both modes stand")
    return prepared


def run(folder: Path, *arguments: str) -> int:
    return main(["-C", str(folder), *arguments])


def test_adopt_writes_the_first_state_and_files_that_audit_finds_whole(folder: Path) -> None:
    assert run(folder, "adopt", "staging", "--direct") == 0

    state = read_state((folder / state_path("staging")).read_bytes(), "staging")
    assert (state.sequence, state.previous, state.record) == (
        1,
        None,
        f"promotion/ledger/staging/0001-adopt-{state.release}.yaml",
    )
    assert (folder / rendered_folder("staging") / "istio-system").is_dir()
    # The working tree went along.
    assert promoted.git(folder, "status", "--porcelain") == ""
    assert run(folder, "audit", "staging", "--deep") == 0


def test_adopt_proposes_a_branch_and_the_same_command_changes_nothing(folder: Path) -> None:
    assert run(folder, "adopt", "staging") == 0
    first = promoted.git(folder, "rev-parse", "adopt/staging/1")

    assert run(folder, "adopt", "staging") == 0

    assert promoted.git(folder, "rev-parse", "adopt/staging/1") == first
    assert promoted.git(folder, "log", "-1", "--format=%s", "main") == "let both modes stand"


def test_an_older_release_is_adopted_by_name(folder: Path) -> None:
    older = promoted.git(folder, "rev-parse", "HEAD")
    promoted.commit(folder, promoted.STRICT, "demand mTLS", day=2)

    assert run(folder, "adopt", "prod", "--release", older, "--direct") == 0

    mesh_wide = folder / "rendered/prod/istio-system/peerauthentication-default.yaml"
    assert "PERMISSIVE" in mesh_wide.read_text()


def test_what_is_adopted_is_not_adopted_again_without_a_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, "adopt", "staging", "--direct")

    assert run(folder, "adopt", "staging") == 9
    assert "is adopted already" in capsys.readouterr().err
    assert run(folder, "adopt", "staging", "--again") == 2
    assert "--reason" in capsys.readouterr().err


def test_a_hand_edit_is_undone_by_adopting_again(folder: Path) -> None:
    run(folder, "adopt", "staging", "--direct")
    edited = "rendered/staging/istio-system/peerauthentication-default.yaml"
    promoted.commit(folder, {edited: promoted.peer_authentication("DISABLE")}, "by hand", day=2)
    assert run(folder, "audit", "staging") == 11

    assert run(folder, "adopt", "staging", "--again", "--reason", "undone", "--direct") == 0

    state = read_state((folder / state_path("staging")).read_bytes(), "staging")
    assert (state.sequence, state.record.split("-")[1]) == (2, Event.ADOPT)
    assert run(folder, "audit", "staging", "--deep") == 0


def test_a_floating_environment_is_not_adopted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "adopt", "dev") == 2

    assert "mode: pinned" in capsys.readouterr().err
