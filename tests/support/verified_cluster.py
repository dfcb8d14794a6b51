"""A cluster that has what was rendered for it, and its verification."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from live_objects import pods, proxy
from meshgate import source
from meshgate.cli import main
from meshgate.model import JSON, JSONObject, Resource
from places import REPOSITORY
from recorded_api import RecordedApi

Capture = pytest.CaptureFixture[str]
SCHEMA = json.loads((REPOSITORY / "schemas/meshgate/verification.schema.json").read_text())


def dressed(value: JSONObject) -> JSONObject:
    """An object as the server gives it back: with its own metadata, and what an agent added."""
    own = copy.deepcopy(value)
    own["metadata"] |= {"uid": "u", "resourceVersion": "1", "managedFields": [{"manager": "flux"}]}
    own["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    own["metadata"].setdefault("labels", {})["kustomize.toolkit.fluxcd.io/name"] = "mesh-policies"
    own["status"] = {"observedGeneration": 1}
    return own


def verify(root: Path, api: RecordedApi, *arguments: str) -> int:
    return main(["-C", str(root), "verify", "prod", *api.options, *arguments])


def told(capsys: Capture) -> JSONObject:
    value: JSONObject = json.loads(capsys.readouterr().out)
    jsonschema.validate(value, SCHEMA)
    return value


def rendered(**spec: JSON) -> Resource:
    return Resource.of({**STORED, "spec": spec})


STORED: JSONObject = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "x", "namespace": "shop", "labels": {"team": "shop"}},
}


def reviewed_objects(repository: Path) -> list[Any]:
    """What is rendered for prod, with the workloads of the inventory running."""
    rendered = source.render(repository, "overlays/prod", cache=None).resources
    objects = [dressed(resource.value) for resource in rendered]
    for resource in source.read_folder(repository, "inventory/prod"):
        objects.append(dressed(resource.value))
        if resource.kind == "Deployment":
            objects += pods(objects[-1], proxy("sidecar"))
    return objects
