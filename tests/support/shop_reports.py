"""The shop of the golden files, and reports on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs

from meshgate import source
from meshgate.mesh import Mesh
from meshgate.model import MeshFacts, Resource
from meshgate.report import Options
from meshgate.report.explain import page as explain
from meshgate.report.explain.explanation import CallExplanation
from meshgate.report.view import View
from places import TESTS

GOLDEN = TESTS / "golden" / "report"
SHOP = GOLDEN / "shop"
SCHEMAS = TESTS.parent / "schemas" / "meshgate"
OPTIONS = Options(width=100)
SUFFIXES = {"text": "txt", "json": "json", "markdown": "md"}


def view_of(resources: list[Resource], **facts: Any) -> View:
    return View("prod", Mesh(resources, MeshFacts(**facts)), source.Locator(SHOP))


def shop() -> list[Resource]:
    return [
        resource
        for name in ("policies.yaml", "inventory.yaml")
        for resource in source.read_path(SHOP, SHOP / name).resources
    ]


def explanation(view: View, client: str, host: str, port: int) -> CallExplanation:
    workload = view.mesh.workload(*client.split("/"))
    service = view.mesh.service(host, workload.namespace)
    found = service.port(port)
    assert found is not None
    (told,) = explain.explanations(view, workload, service, found)
    return told


def golden(name: str, form: str) -> Path:
    return GOLDEN / f"{name}.{SUFFIXES[form]}"


def validate(name: str, text: str) -> None:
    schemas = {
        f"{other}.schema.json": json.loads((SCHEMAS / f"{other}.schema.json").read_text("utf-8"))
        for other in ("servers", "calls", "explanations", "findings")
    }
    registry = jsonschema_rs.Registry([(f"json-schema:///{k}", v) for k, v in schemas.items()])
    jsonschema_rs.validator_for(
        schemas[f"{name}.schema.json"] | {"$id": f"json-schema:///{name}.schema.json"},
        registry=registry,
    ).validate(json.loads(text))
