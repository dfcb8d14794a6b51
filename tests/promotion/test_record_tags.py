"""`record` in the jobs of CI: never in a shallow clone, and never silent about a wrong tag."""

from __future__ import annotations

from pathlib import Path

import pytest

import promoted
from meshgate.cli import main
from pipeline import Pipeline, copy, remember_answers

pytestmark = pytest.mark.sampled(every=2)

Capture = pytest.CaptureFixture[str]
TAG = "env/staging/0002"


@pytest.fixture(scope="session")
def recorded_once(pipeline_once: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A promotion to staging, tagged. Never change it."""
    pipeline = copy(pipeline_once, tmp_path_factory.mktemp("recorded"))
    pipeline.promoted("staging")
    assert record(pipeline.work) == 0
    return pipeline


@pytest.fixture
def recorded(recorded_once: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    remember_answers(monkeypatch)
    return copy(recorded_once, tmp_path)


def record(work: Path, *arguments: str) -> int:
    return main(["-C", str(work), "record", "--forge", "none", *arguments])


def at(pipeline: Pipeline, tag: str) -> str:
    """The commit that a tag of the hub is on."""
    return promoted.git(pipeline.hub, "rev-parse", f"refs/tags/{tag}^{{commit}}")


def message(pipeline: Pipeline, tag: str) -> str:
    return promoted.git(pipeline.hub, "tag", "--list", "--format=%(contents)", tag)


def move(pipeline: Pipeline, tag: str, text: str | None = None) -> str:
    """Put a tag of the hub on a wrong commit, with the message that it has or another."""
    wrong = promoted.git(pipeline.hub, "rev-list", "--max-parents=0", "main")
    said = message(pipeline, tag) if text is None else text
    promoted.git(pipeline.hub, "tag", "--force", "--annotate", "-m", said, tag, wrong)
    return wrong


COMMANDS = (
    ("record",),
    ("record", "--repair"),
    ("status",),
    ("history", "staging"),
    ("plan", "prod"),
    ("promote", "prod"),
    ("audit",),
    ("check", "--base", "HEAD", "--head", "HEAD"),
    ("diff", "--base", "HEAD"),
    ("validate", "--changed-since", "HEAD"),
)


def test_a_shallow_clone_is_refused(recorded: Pipeline, tmp_path: Path, capsys: Capture) -> None:
    promoted.git(tmp_path, "clone", "-q", "--depth=1", recorded.hub.as_uri(), "shallow")
    tags = promoted.git(recorded.hub, "show-ref", "--tags")

    for command in COMMANDS:
        assert main(["-C", str(tmp_path / "shallow"), *command]) == 7, command
        assert "git fetch --unshallow" in capsys.readouterr().err
    assert promoted.git(recorded.hub, "show-ref", "--tags") == tags


@pytest.mark.parametrize("tag", [TAG, "env/staging/0001", "release"])
def test_a_tag_on_a_wrong_commit_is_found_and_repaired(
    recorded: Pipeline, capsys: Capture, tag: str
) -> None:
    if tag == "release":
        tag = promoted.git(recorded.hub, "tag", "--list", "release/*").splitlines()[-1]
    right, said = at(recorded, tag), message(recorded, tag)
    wrong = move(recorded, tag)
    capsys.readouterr()

    assert record(recorded.work) == 11
    assert f"{tag} is on {wrong[:12]}, and should be on {right[:12]}" in capsys.readouterr().err
    assert at(recorded, tag) == wrong

    assert record(recorded.work, "--repair") == 0
    told = capsys.readouterr()
    assert f"{tag} is on {right[:12]}" in told.out
    assert f"{tag} is on {wrong[:12]}" in told.err
    assert at(recorded, tag) == right
    assert message(recorded, tag) == said
    assert record(recorded.work) == 0


def test_another_clone_takes_the_repaired_tag(recorded: Pipeline) -> None:
    other = recorded.another("other")
    move(recorded, TAG)
    assert record(other.work) == 11
    assert record(recorded.work, "--repair") == 0

    assert record(other.work) == 0


@pytest.mark.parametrize("text", ["by hand", '{"environment": "prod", "sequence": 2}', "x\n\n[]"])
def test_a_tag_of_somebody_else_is_never_moved(
    recorded: Pipeline, capsys: Capture, text: str
) -> None:
    wrong = move(recorded, TAG, text)

    assert record(recorded.work, "--repair") == 11
    assert "it was not made by `meshgate record`" in capsys.readouterr().err
    assert at(recorded, TAG) == wrong


def test_the_rules_of_the_forge_decide(recorded: Pipeline, capsys: Capture) -> None:
    wrong = move(recorded, TAG)
    hook = recorded.hub / "hooks/update"
    hook.write_text('#!/bin/sh\necho "tag $1 is protected"\nexit 1\n')
    hook.chmod(0o755)

    assert record(recorded.work, "--repair") == 11
    assert f"tag refs/tags/{TAG} is protected" in capsys.readouterr().err
    assert at(recorded, TAG) == wrong
    hook.unlink()
    assert record(recorded.work, "--repair") == 0
