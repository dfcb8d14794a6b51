"""Overlays at random that use what kustomize has, also what it keeps in its process."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from meshgate.model import JSON, JSONObject

BASE = "base"


def write_overlays(root: Path, count: int, seed: int) -> list[Path]:
    """Write a base and so many overlays of it below `root`; the folders of the overlays.

    One in ten cannot be built: a patch without a target, a file that is not there, a field that
    does not exist.
    """
    chance = random.Random(seed)
    _write(root / BASE / "kustomization.yaml", {"resources": ["objects.yaml"]})
    objects = "\n---\n".join(json.dumps(each) for each in _objects())
    (root / BASE / "objects.yaml").write_text(objects, "utf-8")
    folders = []
    for number in range(count):
        folder = root / f"overlay-{number}"
        features = chance.sample(FEATURES, chance.randint(1, 5))
        kustomization: JSONObject = {"resources": [f"../{BASE}"]}
        for feature in features:
            kustomization.update(feature(chance, folder))
        if chance.random() < 0.1:
            kustomization.update(chance.choice(BROKEN))
        _write(folder / "kustomization.yaml", kustomization)
        folders.append(folder)
    return folders


def _objects() -> Iterator[JSONObject]:
    for name in ("web", "api"):
        labels: JSONObject = {"app": name}
        container: JSONObject = {"name": "app", "image": f"registry.example/{name}:1"}
        container["env"] = [{"name": "CONFIG", "value": "settings"}]
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container]},
                },
            },
        }
        yield {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": labels}, "mtls": {"mode": "STRICT"}},
        }
    yield {
        "apiVersion": "example.com/v1",
        "kind": "Fleet",
        "metadata": {"name": "fleet"},
        "spec": {"ships": [{"name": "one", "size": 1}, {"name": "two", "size": 2}]},
    }


def _prefix(chance: random.Random, _folder: Path) -> JSONObject:
    return {"namePrefix": f"p{chance.randrange(100)}-", "nameSuffix": f"-s{chance.randrange(9)}"}


def _namespace(chance: random.Random, _folder: Path) -> JSONObject:
    return {"namespace": f"space-{chance.randrange(100)}"}


def _labels(chance: random.Random, _folder: Path) -> JSONObject:
    pairs: JSONObject = {"team": f"t{chance.randrange(9)}"}
    return {"labels": [{"pairs": pairs, "includeSelectors": chance.random() < 0.5}]}


def _annotations(chance: random.Random, _folder: Path) -> JSONObject:
    return {"commonAnnotations": {"note": f"n{chance.randrange(99)}"}}


def _images(chance: random.Random, _folder: Path) -> JSONObject:
    return {"images": [{"name": "registry.example/web", "newTag": str(chance.randrange(99))}]}


def _replicas(chance: random.Random, _folder: Path) -> JSONObject:
    return {"replicas": [{"name": "web", "count": chance.randrange(2, 9)}]}


def _config_map(chance: random.Random, folder: Path) -> JSONObject:
    _text(folder / "settings.txt", f"value {chance.randrange(99)}\n")
    entry: JSONObject = {"name": "settings", "files": ["settings.txt"], "literals": ["a=b"]}
    options: JSONObject = {"disableNameSuffixHash": chance.random() < 0.3}
    return {"configMapGenerator": [entry], "generatorOptions": options}


def _strategic(chance: random.Random, _folder: Path) -> JSONObject:
    patch = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "web"},
        "spec": {"mtls": {"mode": chance.choice(["PERMISSIVE", "DISABLE"])}},
    }
    return {"patches": [{"patch": json.dumps(patch)}]}


def _fleet(chance: random.Random, _folder: Path) -> JSONObject:
    """A patch of a list, which merges by a key only where a schema says so."""
    patch = {
        "apiVersion": "example.com/v1",
        "kind": "Fleet",
        "metadata": {"name": "fleet"},
        "spec": {"ships": [{"name": "two", "size": chance.randrange(99)}]},
    }
    return {"patches": [{"patch": json.dumps(patch)}]}


def _schema(chance: random.Random, folder: Path) -> JSONObject:
    """A schema of the overlay's own: kustomize keeps it for its whole process."""
    ship: JSONObject = {"type": "object", "properties": {"name": {"type": "string"}}}
    ships: JSONObject = {
        "type": "array",
        "items": ship,
        "x-kubernetes-patch-merge-key": "name",
        "x-kubernetes-patch-strategy": "merge",
    }
    fleet: JSONObject = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"ships": ships}}},
        "x-kubernetes-group-version-kind": [
            {"group": "example.com", "version": "v1", "kind": "Fleet"}
        ],
    }
    _text(folder / "schema.json", json.dumps({"definitions": {"example.com.v1.Fleet": fleet}}))
    return {"openapi": {"path": "schema.json"}, **_fleet(chance, folder)}


def _old_schema(_chance: random.Random, _folder: Path) -> JSONObject:
    return {"openapi": {"version": "v1.20.4"}}


def _json_patch(chance: random.Random, _folder: Path) -> JSONObject:
    operation = {"op": "replace", "path": "/spec/mtls/mode", "value": f"M{chance.randrange(9)}"}
    target: JSON = {"kind": "PeerAuthentication"}
    return {"patches": [{"target": target, "patch": json.dumps([operation])}]}


def _replacement(_chance: random.Random, _folder: Path) -> JSONObject:
    source: JSON = {"kind": "Deployment", "name": "web", "fieldPath": "metadata.name"}
    target: JSON = {
        "select": {"kind": "PeerAuthentication"},
        "fieldPaths": ["metadata.annotations.from"],
        "options": {"create": True},
    }
    return {"replacements": [{"source": source, "targets": [target]}]}


def _order(chance: random.Random, _folder: Path) -> JSONObject:
    return {"sortOptions": {"order": chance.choice(["legacy", "fifo"])}}


def _component(chance: random.Random, folder: Path) -> JSONObject:
    _write(
        folder / "component" / "kustomization.yaml",
        {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "namePrefix": f"c{chance.randrange(9)}-",
        },
    )
    return {"components": ["component"]}


def _configuration(_chance: random.Random, folder: Path) -> JSONObject:
    _text(
        folder / "config.yaml", "namePrefix:\n- kind: Fleet\n  path: spec/label\n  create: true\n"
    )
    return {"configurations": ["config.yaml"]}


def _variables(_chance: random.Random, _folder: Path) -> JSONObject:
    reference: JSON = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    return {"vars": [{"name": "WEB", "objref": reference}]}


def _origins(_chance: random.Random, _folder: Path) -> JSONObject:
    return {"buildMetadata": ["originAnnotations", "managedByLabel"]}


FEATURES = (
    _prefix, _namespace, _labels, _annotations, _images, _replicas, _config_map, _strategic, _fleet,
    _schema, _old_schema, _json_patch, _replacement, _order, _component, _configuration, _variables,
    _origins,
)  # fmt: skip
BROKEN: tuple[JSONObject, ...] = (
    {"resources": ["nowhere.yaml"]},
    {"patches": [{"patch": '{"kind": "Fleet", "metadata": {"name": "gone"}}'}]},
    {"namePrfix": "mistyped-"},
)


def _write(file: Path, value: JSONObject) -> None:
    _text(file, json.dumps(value, indent=1))


def _text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
