"""A cluster of a shop, captured into a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_objects import (
    deployment,
    namespace,
    pods,
    proxy,
    service,
)
from meshgate import source
from meshgate.cli import main
from meshgate.mesh import Mesh
from meshgate.model import JSONObject, MeshFacts, Resource
from recorded_api import RecordedApi

Capture = pytest.CaptureFixture[str]


def objects_of_a_shop() -> list[JSONObject]:
    """A namespace with injection and two Deployments whose pods have sidecars; one without."""
    cart, web, job = deployment("shop", "cart"), deployment("shop", "web"), deployment("jobs", "x")
    return [
        namespace("shop", **{"istio-injection": "enabled"}),
        namespace("jobs"),
        service("shop", "cart"),
        service("shop", "web", clusterIP="None"),
        *(cart, web, job),
        *pods(cart, proxy("sidecar"), proxy("sidecar")),
        *pods(web, proxy("sidecar")),
        *pods(job, None),
    ]


def capture(root: Path, api: RecordedApi, *arguments: str) -> int:
    command = ["inventory", "capture", "prod", *api.options, *arguments]
    return main(["-C", str(root), *command])


def inventory(root: Path) -> list[Resource]:
    return list(source.read_folder(root, "inventory/prod"))


def mesh(root: Path) -> Mesh:
    return Mesh(inventory(root), MeshFacts())


def files(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (root / "inventory/prod").iterdir()}
