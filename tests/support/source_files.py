"""Charts and manifests as sources of an environment."""

from __future__ import annotations

import textwrap
from pathlib import Path

from meshgate import source
from meshgate.model.sources import HelmChart, ManifestSources

PA = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: {name}, namespace: shop}}
spec: {{mtls: {{mode: {mode}}}}}
"""
CHART = "apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
HELM = ManifestSources(helm=HelmChart(chart="chart", release="shop", namespace="shop"))


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text))


def rendered(root: Path, stated: ManifestSources) -> source.Build:
    return source.render(root, stated.sources, cache=None)


def place(root: Path, build: source.Build, name: str, path: str) -> str:
    (resource,) = [each for each in build.resources if each.name == name]
    position = source.Locator(root)(resource, path)
    assert position is not None
    return f"{position.file}:{position.line}"
