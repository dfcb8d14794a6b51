"""What an optional library's absence is told with is a command that works where meshgate runs."""

from __future__ import annotations

import ensurepip
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from meshgate import errors
from meshgate.errors import install_beside, missing_libraries


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with pip that no installer of programs has marked."""
    monkeypatch.delenv("PEX", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(errors, "find_spec", str)
    return tmp_path


@pytest.mark.usefixtures("environment")
def test_a_library_is_named_with_its_use_and_the_way_out() -> None:
    error = missing_libraries("httpx", use="What asks Prometheus")

    assert error.exit_code == 4
    assert str(error).splitlines() == [
        "httpx is not installed",
        "What asks Prometheus needs it; nothing else does.",
        f"hint: install it beside meshgate: `{shlex.quote(sys.executable)} -m pip install httpx`",
    ]


@pytest.mark.usefixtures("environment")
def test_several_libraries_are_told_as_several() -> None:
    error = missing_libraries("pyarrow", "duckdb", use="What makes and asks tables")

    assert error.what == "pyarrow and duckdb are not installed"
    assert error.hint.endswith("install pyarrow duckdb`")


def test_pipx_has_a_verb_of_its_own(environment: Path) -> None:
    (environment / "pipx_metadata.json").touch()

    assert install_beside("httpx") == "pipx inject meshgate httpx"


def test_a_tool_of_uv_is_reached_from_outside(environment: Path) -> None:
    (environment / "uv-receipt.toml").touch()

    assert install_beside("httpx").startswith("uv pip install --python ")


@pytest.mark.usefixtures("environment")
def test_an_environment_without_pip_is_reached_from_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda _: None)

    assert install_beside("httpx").startswith("uv pip install --python ")


@pytest.mark.usefixtures("environment")
def test_the_one_file_program_reads_a_folder_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEX", "/opt/my tools/meshgate.pyz")

    install, run = install_beside("duckdb").split(" && ")
    assert install == 'python3 -m pip install --target "$PWD/meshgate-libraries" duckdb'
    assert run.startswith('PEX_EXTRA_SYS_PATH="$PWD/meshgate-libraries" python3 ')
    assert run.endswith("'/opt/my tools/meshgate.pyz'")


@pytest.mark.usefixtures("environment")
def test_the_command_reaches_the_python_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried for real, in an environment of venv; nothing is fetched for what it has."""
    venv.create(tmp_path / "my env")
    # What `with_pip` puts there, without a run of pip that installs and compiles itself.
    (site,) = (tmp_path / "my env").glob("lib/python*/site-packages")
    (pip,) = Path(ensurepip.__path__[0]).glob("_bundled/pip-*.whl")
    shutil.unpack_archive(pip, site, "zip")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env/bin/python"))
    command = shlex.split(install_beside("pip"))
    done = subprocess.run([*command, "--no-index"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
