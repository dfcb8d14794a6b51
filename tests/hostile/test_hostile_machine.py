"""Claim: whatever a checkout and a machine look like, a run ends with a code that says why."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from meshgate.cli import main
from meshgate.errors import BuildError
from meshgate.yamldoc import reading

pytestmark = pytest.mark.sampled(every=2)

Change = Callable[[str, str], Path]
RESOURCES = "resources:\n  - ../../policies/mesh\n  - ../../policies/shop\n"


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 << 30)


def deep(path: Path) -> None:
    """Folders in folders, until the system takes their path no more."""
    path.mkdir()
    place = os.open(path, os.O_RDONLY)
    for _ in range(90):
        os.mkdir("d" * 50, dir_fd=place)
        inner = os.open("d" * 50, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)


def listening(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{folder}/s")
        shutil.move(f"{folder}/s", path)


def to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


ODD: dict[str, tuple[str, Callable[[Path], None]]] = {
    "twenty gigabytes of toolchain": ("promotion/toolchain.yaml", huge),
    "twenty gigabytes of inventory": ("inventory/dev/x.yaml", huge),
    "twenty gigabytes of a policy": ("overlays/dev/odd.yaml", huge),
    "an inventory of links": ("inventory/dev/x", to("/etc")),
    "an inventory in a circle": ("inventory/dev/x", to("..")),
    "folders without end": ("inventory/dev/x", deep),
    "overlays without end": ("overlays/x", deep),
    "a base that is a link": ("policies/x", to("/etc")),
    "a socket": ("overlays/dev/odd.yaml", listening),
    "what the kernel writes": ("overlays/dev/odd.yaml", to("/proc/self/environ")),
    "what never ends": ("overlays/dev/odd.yaml", to("/dev/zero")),
    "a terminal": ("overlays/dev/odd.yaml", to("/dev/tty")),
}


@pytest.mark.parametrize("name", ODD)
def test_no_file_of_a_checkout_ends_in_a_traceback(
    hostile_repository: Change, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    place, make = ODD[name]
    listed = RESOURCES + ("  - odd.yaml\n" if "odd" in place else "")
    root = hostile_repository("overlays/dev/kustomization.yaml", listed)
    (root / place).unlink(missing_ok=True)
    make(root / place)

    code = main(["validate", "-C", str(root)])

    told = capsys.readouterr()
    assert code in {0, 1, 3}, told
    assert "Traceback" not in told.out + told.err
    assert "odd" not in place or code != 0
    # Else pytest's own clearing up fails.
    shutil.rmtree(root)


def test_a_file_of_nothing_but_documents_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST", 100)
    with pytest.raises(BuildError, match="more than 100 documents"):
        list(reading.documents("---\n" * 200, "x.yaml"))


PLUGIN = (
    "apiVersion: x/v1\nkind: X\nmetadata: {name: x, annotations: "
    "{config.kubernetes.io/function: '%s'}}\n"
)
PLUGINS = {
    "a program": (
        "generators: [gen.yaml]\n",
        PLUGIN % "exec: {path: /bin/touch}",
    ),
    "a container": (
        "transformers: [gen.yaml]\n",
        PLUGIN % "container: {image: evil}",
    ),
    "a chart": ("helmCharts: [{name: x, repo: 'http://127.0.0.1:9'}]\n", ""),
    "a schema from elsewhere": ("openapi: {path: /etc/passwd}\n", ""),
    "a base from the net": ("components: ['https://127.0.0.1:9/x?ref=main']\n", ""),
    "a base of the machine": ("components: ['file:///etc']\n", ""),
    "a secret of the machine": ("configMapGenerator: [{name: x, files: [/etc/passwd]}]\n", ""),
    "a secret above": ("secretGenerator: [{name: x, envs: [../../../../../../etc/passwd]}]\n", ""),
    "a patch of the machine": ("patches: [{path: /etc/passwd}]\n", ""),
    "a replacement above": ("replacements: [{path: ../../../../../etc/passwd}]\n", ""),
    "settings above": ("configurations: [../../../../../etc/passwd]\n", ""),
    "itself": ("components: [.]\n", ""),
}


@pytest.mark.parametrize("name", PLUGINS)
def test_an_overlay_brings_in_nothing_from_elsewhere(
    hostile_repository: Change, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    more, plugin = PLUGINS[name]
    root = hostile_repository("overlays/dev/kustomization.yaml", RESOURCES + more)
    if plugin:
        (root / "overlays/dev/gen.yaml").write_text(plugin)

    assert main(["validate", "-C", str(root)]) in {1, 3}
    told = capsys.readouterr()
    assert "root:" not in told.out + told.err


ENVIRONMENTS: dict[str, dict[str, str]] = {
    "a cache that cannot be": {"XDG_CACHE_HOME": "/proc"},
    "a cache that is a file": {"XDG_CACHE_HOME": "/etc/hostname"},
    "no place for what is temporary": {"TMPDIR": "/no/where"},
    "a terminal without width": {"COLUMNS": "-1"},
    "letters of another age": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_machine_that_is_odd_changes_no_verdict(hostile_repository: Change, name: str) -> None:
    root = hostile_repository("policies/mesh/x.md", "x")
    argv = [sys.executable, "-m", "meshgate", "validate", "-C", str(root)]
    done = subprocess.run(
        argv, env={**os.environ, **ENVIRONMENTS[name]}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_disk_that_is_full_is_told(hostile_repository: Change, form: str) -> None:
    root = hostile_repository("policies/mesh/x.md", "x")
    argv = [sys.executable, "-m", "meshgate", "validate", "-C", str(root), "--format", form]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == BuildError.exit_code
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
