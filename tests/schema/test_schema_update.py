"""The schemas that this repository carries, and how they come to be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from meshgate.errors import SchemaMissingError, ToolError
from meshgate.model import JSONObject
from meshgate.schema import catalog
from meshgate.schema.update import STEPS, crds, openapi, rendered, sources, update
from meshgate.schema.update.structural import strict
from places import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"
FOLDERS = ("argocd", "istio", "kubernetes", "flux")
LIMIT = 3 << 20  # bytes; the repository stays quick to clone


@pytest.fixture(scope="module")
def index() -> JSONObject:
    value: JSONObject = json.loads((SCHEMAS / "index.json").read_bytes())
    return value


def files(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for folder in FOLDERS
        for file in (root / folder).rglob("*.json")
    }


@pytest.mark.whole
def test_regenerating_gives_the_same_bytes(tmp_path: Path) -> None:
    steps: list[None] = []
    stale = tmp_path / "schemas" / "istio" / "1.1" / "stale.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    own = tmp_path / "schemas" / "meshgate" / "waivers.json"
    own.parent.mkdir()
    own.write_text("{}")

    written = update(tmp_path, lambda: steps.append(None))

    assert files(tmp_path / "schemas") == files(SCHEMAS)
    assert (tmp_path / "schemas" / "index.json").read_bytes() == (
        SCHEMAS / "index.json"
    ).read_bytes()
    assert len(written) == len(files(SCHEMAS)) + 1
    assert len(steps) == STEPS
    assert own.exists()


def test_the_index_names_every_file_with_its_digest(index: JSONObject) -> None:
    named = {
        f"{folder}/{entry['file']}": entry["sha256"]
        for folder, entries in index["kinds"].items()
        for entry in entries
    }

    assert named == {
        name: hashlib.sha256(content).hexdigest() for name, content in files(SCHEMAS).items()
    }


def test_the_index_names_its_sources(index: JSONObject) -> None:
    recorded = {folder: (s["module"], s["version"]) for folder, s in index["sources"].items()}

    assert recorded == {
        "argocd": ("github.com/argoproj/argo-cd/v3", "v3.5.7"),
        "flux/kustomize-controller": ("github.com/fluxcd/kustomize-controller", "v1.9.6"),
        "flux/source-controller": ("github.com/fluxcd/source-controller", "v1.9.6"),
        "istio/1.28": ("istio.io/api", "v1.28.0"),
        "istio/1.29": ("istio.io/api", "v1.29.2"),
        "istio/1.30": ("istio.io/api", "v1.30.8"),
        "istio/1.31": ("istio.io/api", "v1.31.4"),
        "kubernetes": ("k8s.io/kubernetes", "v1.37.2"),
    }
    assert index["sources"]["istio/1.31"]["sha256"] == {
        sources.ISTIO_FILE: "c0ad59e008658765412badb836e73a523a355e3d792a32ad3c0711a728be5aff"
    }


def test_the_schemas_are_small() -> None:
    assert sum(len(content) for content in files(SCHEMAS).values()) < LIMIT


def test_no_schema_carries_prose_of_its_source() -> None:
    # The few descriptions there are word the patterns that this project adds.
    own = {openapi.DNS_LABEL["description"], openapi.DNS_SUBDOMAIN["description"]}
    own |= {openapi.LABEL_VALUE["description"], "base64"}
    own |= {"a time such as 2026-08-01T12:00:00Z"}

    for content in files(SCHEMAS).values():
        assert set(descriptions(json.loads(content))) <= own


def descriptions(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in descriptions(item)]
    if not isinstance(value, dict):
        return []
    own = [value["description"]] if isinstance(value.get("description"), str) else []
    return own + [text for item in value.values() for text in descriptions(item)]


@pytest.mark.parametrize("minor", ["1.28", "1.31"])
def test_every_kind_in_use_is_there(minor: str) -> None:
    kinds = {kind for _, kind in catalog.catalog_of(minor).kinds}

    assert kinds >= {
        "AppProject", "Application", "ApplicationSet", "AuthorizationPolicy", "ConfigMap",
        "CronJob", "DaemonSet", "Deployment", "DestinationRule", "EndpointSlice", "Endpoints",
        "EnvoyFilter", "Gateway", "Job", "MutatingWebhookConfiguration", "Namespace",
        "NetworkPolicy", "PeerAuthentication", "Pod", "ProxyConfig", "ReplicaSet",
        "RequestAuthentication", "Service", "ServiceAccount", "ServiceEntry", "Sidecar",
        "StatefulSet", "Telemetry", "ValidatingWebhookConfiguration", "VirtualService",
        "WasmPlugin", "WorkloadEntry", "WorkloadGroup",
    }  # fmt: skip


def test_an_installation_without_schemas_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "FOLDERS", (tmp_path,))

    with pytest.raises(SchemaMissingError, match="no schemas"):
        catalog.folder()


@pytest.mark.parametrize(
    ("structural", "expected"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "string", "description": "x"}}},
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
            },
        ),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"type": "object"}),
        (
            {"type": "object", "additionalProperties": {"type": "object"}},
            {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": False},
            },
        ),
        ({"type": "object", "additionalProperties": True}, {"type": "object"}),
        (
            {"type": "integer", "format": "int32", "minimum": 1},
            {"type": "integer", "minimum": 1, "maximum": 2147483647},
        ),
        (
            {"x-kubernetes-int-or-string": True, "nullable": True},
            {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        ),
        (
            {"type": "string", "enum": ["A"], "nullable": True},
            {"type": ["string", "null"], "enum": ["A", None]},
        ),
        (
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        ),
        (
            {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
        # Branches of a choice say nothing of other fields, so they are not closed.
        (
            {"type": "object", "properties": {}, "oneOf": [{"required": ["a"]}]},
            {
                "type": "object",
                "properties": {},
                "oneOf": [{"required": ["a"]}],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_a_structural_schema_becomes_strict(structural: JSONObject, expected: JSONObject) -> None:
    assert strict(structural, "X") == expected


@pytest.mark.parametrize(
    "unknown",
    [
        {"type": "object", "x-kubernetes-embedded-resource": True},
        {"type": "string", "format": "ipv4"},
    ],
)
def test_what_nobody_taught_it_is_an_error(unknown: JSONObject) -> None:
    with pytest.raises(ToolError, match=r"X\.a: unknown"):
        strict({"type": "object", "properties": {"a": unknown}}, "X")


def definition(*shapes: JSONObject) -> bytes:
    versions = [
        {"name": f"v{number}", "served": True, "schema": {"openAPIV3Schema": shape}}
        for number, shape in enumerate(shapes)
    ]
    names = {"kind": "Thing"}
    spec = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": versions}
    return yaml.safe_dump({"kind": "CustomResourceDefinition", "spec": spec}).encode()


META: JSONObject = {f"{openapi.META}ObjectMeta": {"type": "object", "properties": {}}}


def test_served_versions_that_differ_are_an_error() -> None:
    one = {"type": "object", "properties": {"spec": {"type": "object"}}}
    two = {"type": "object", "properties": {"spec": {"type": "string"}}}

    assert [d.served for d in crds.read(definition(one, one), META)] == [("v0", "v1")]
    with pytest.raises(ToolError, match="Thing differ"):
        list(crds.read(definition(one, two), META))


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ToolError, match=r"istio\.io/api@v0\.0\.1 failed") as raised:
        sources.download("istio.io/api", "v0.0.1")

    assert raised.value.exit_code == 4
    assert raised.value.why


def test_a_file_that_has_moved(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="has no crds"):
        sources.Module("istio.io/api", "v1.31.4", tmp_path).read("crds.yaml")


def test_the_order_of_a_mapping_does_not_show() -> None:
    assert rendered({"b": 1, "a": "é"}) == rendered({"a": "é", "b": 1})
