"""The pinned programs as fixtures: built on first use, so that no test is ever skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgate.tools import installed


@pytest.fixture(scope="session")
def kubeconform() -> Path:
    """The pinned kubeconform."""
    return installed("kubeconform")


@pytest.fixture(scope="session")
def kustomize() -> Path:
    """The pinned kustomize."""
    return installed("kustomize")


@pytest.fixture(scope="session")
def render_worker_program() -> Path:
    """The program that renders many overlays."""
    return installed("render-worker")
