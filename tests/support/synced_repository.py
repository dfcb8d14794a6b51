"""This repository with what its clusters are told by, and edits of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from meshgate.cli import main
from meshgate.model import JSONObject, WindowEntry

Capture = pytest.CaptureFixture[str]
ARGOCD = "sync/argocd/prod.yaml"
FLUX = "sync/flux/prod/sync.yaml"
POLICY = "policies/mesh-wide/peerauthentication-default.yaml"


def sync(root: Path, *arguments: str) -> int:
    return main(["-C", str(root), "sync", *arguments])


def edit(root: Path, change: Callable[[JSONObject], object]) -> None:
    """Change what environments.yaml says."""
    file = root / "environments.yaml"
    value = yaml.safe_load(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def prod(value: JSONObject) -> JSONObject:
    found: JSONObject = next(each for each in value["environments"] if each["name"] == "prod")
    return found


def objects(root: Path, file: str) -> dict[str, JSONObject]:
    """The objects of a generated file by kind; of several of a kind the last."""
    return {each["kind"]: each for each in yaml.safe_load_all((root / file).read_text())}


FREEZE = WindowEntry(
    name="year-end",
    kind="deny",
    start="2026-12-20T18:30",
    end="2027-01-04T06:00",
    timezone="Europe/Berlin",
    description="nobody is here",
)
NIGHTS = WindowEntry(name="nights", kind="deny", cron="0 20 * * *", duration="11h")
