"""Small overlays, and the programs that render them."""

from __future__ import annotations

import os
import stat
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgate import source
from meshgate.errors import MeshgateError
from meshgate.source import program
from written_files import write_files

PA = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
SAME = {"base/kustomization.yaml": "resources: [pa.yaml]\n", "base/pa.yaml": PA}


def overlay(root: Path, text: str, **files: str) -> Path:
    write_files(root, SAME)
    return write_files(root, {"overlay/kustomization.yaml": text, **files})


def refusal(root: Path, name: str = "overlay") -> MeshgateError:
    with pytest.raises(MeshgateError) as caught:
        source.render(root, name, cache=None)
    return caught.value


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!{sys.executable}\n" + textwrap.dedent(text), encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on PATH for a `kustomize` of the test's own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    program._renderer.cache_clear()  # noqa: SLF001 - another program stands on PATH now
    yield folder
    program._renderer.cache_clear()  # noqa: SLF001
