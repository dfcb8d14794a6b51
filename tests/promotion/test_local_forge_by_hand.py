"""One person plays everybody on the forge `local`, as docs/forges.md tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.cli import main
from meshgate.promotion.files import state_path
from meshgate.promotion.ledger import read_state
from pipeline import Pipeline, mode
from promoted import ENVIRONMENTS, commit, git, start


def test_the_whole_way_by_one_person(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MESHGATE_FORGE", "local")
    monkeypatch.setenv("MESHGATE_FORGE_URL", str(pipeline.hub))
    work = pipeline.work

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["-C", str(work), *arguments])
        return code, capsys.readouterr().out

    assert run("local", "team", "security", "sam") == (0, "security: sam\n")
    git(work, "switch", "--quiet", "-c", "my-change")
    commit(work, mode("STRICT") | {"policies/x.md": "x"}, "mesh: a word", day=11)
    git(work, "push", "--quiet", "origin", "my-change")
    code, told = run("local", "open", "my-change", "--as", "alice")
    assert (code, told) == (0, "1: my-change to main, opened by alice\n")
    assert run("gate", "1")[0] == 0
    assert "approved by sam" in run("local", "review", "1", "--as", "sam")[1]
    assert run("local", "merge", "1", "--as", "alice")[0] == 0
    git(work, "switch", "--quiet", "main")
    git(work, "pull", "--quiet", "origin", "main")

    assert run("promote", "staging")[0] == 0
    assert main(["-C", str(work), "local", "review", "2"]) == 7  # nobody reviews their own
    assert "cannot review their own" in capsys.readouterr().err
    assert run("local", "review", "2", "--as", "sam")[0] == 0
    assert run("merge", "2")[0] == 0
    git(work, "pull", "--quiet", "origin", "main")
    state = read_state((work / state_path("staging")).read_bytes(), "staging")
    assert (state.sequence, state.hold) == (2, None)


def test_a_proposal_without_a_remote_never_says_pushed(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    work = pipeline.work
    git(work, "remote", "remove", "origin")
    assert main(["-C", str(work), "promote", "staging", "--forge", "none"]) == 0
    told = capsys.readouterr().out
    assert "made here: there is no remote to push to" in told
    assert "pushed" not in told


def test_the_page_of_an_adoption_names_the_gates_there_are(tmp_path: Path) -> None:
    folder = start(tmp_path / "repository")
    gated = (
        ENVIRONMENTS.replace(
            "    gates: []\n    gatesWaived: a sample\n",
            "    gates: [calm]\n    require: {mtls: PERMISSIVE}\n",
        )
        + "gates:\n  - {name: calm, type: effects, breaks: 0}\n"
    )
    commit(folder, {"environments.yaml": gated}, "gates", day=1)
    assert main(["-C", str(folder), "adopt", "staging", "--forge", "none"]) == 0
    page = (folder / "pr.md").read_text()
    assert "None of them holds for this: `calm`." in page
    assert "This environment has none" not in page
