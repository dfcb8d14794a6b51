"""Manifests of repositories that are adopted, and how `init --here` is run on them."""

from __future__ import annotations

import shutil
from pathlib import Path

from meshgate.cli import main
from places import TESTS
from promoted import git

REPOSITORIES = TESTS / "adoption" / "repositories"
SHAPES = sorted(each.name for each in REPOSITORIES.iterdir())


def clone(shape: str, tmp_path: Path) -> Path:
    """The repository of a shape, as it is cloned."""
    folder = tmp_path / shape
    shutil.copytree(REPOSITORIES / shape, folder)
    git(folder, "init", "--quiet", "-b", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "start")
    return folder


def run(folder: Path, *arguments: str) -> int:
    return main(["-C", str(folder), *arguments])


APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  source: {{repoURL: https://git.example.com/x.git, path: {path}{more}}}
  destination: {{namespace: shop}}
"""
POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
TOP_POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
CHART = "apiVersion: v2\nname: shop\nversion: 0.1.0\n"
