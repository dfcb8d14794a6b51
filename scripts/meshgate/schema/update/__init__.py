"""Generate the schemas that this project carries, from pinned Go modules."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from meshgate.model import JSONObject
from meshgate.schema.update import crds, openapi, sources
from meshgate.schema.update.crds import Definition
from meshgate.schema.update.sources import download

INDEX = "index.json"
# The core group has no name; kubeconform's `{{.Group}}` is the version there.
CORE_FOLDER = "v1"

STEPS = len(sources.ISTIO_VERSIONS) + len(sources.FLUX_FILES) + 2


def update(root: Path, progress: Callable[[], object] = lambda: None) -> list[str]:
    """Write `schemas/` below `root` anew; the files written, relative to `root`, in order.

    `progress` is called after each of `STEPS` sources. The same modules give the same bytes.
    Raises ToolError when a module cannot be had or holds something unknown; then nothing is
    changed.
    """
    folders, records = _generate(progress)
    schemas = root / "schemas"
    for name in {folder.partition("/")[0] for folder in folders}:
        shutil.rmtree(schemas / name, ignore_errors=True)
    index: JSONObject = {"sources": records, "kinds": {}}
    written: list[Path] = []
    for folder, definitions in sorted(folders.items()):
        entries = index["kinds"][folder] = []
        for definition in sorted(definitions, key=lambda d: (d.group, d.kind)):
            name = f"{definition.group or CORE_FOLDER}/{definition.kind.lower()}.json"
            content = rendered(definition.schema)
            written.append(write(schemas / folder / name, content))
            entries.append(_entry(definition, name, content))
    written.append(write(schemas / INDEX, rendered(index)))
    return [file.relative_to(root).as_posix() for file in written]


def write(file: Path, content: bytes) -> Path:
    """Write a file and the folders it needs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def _generate(progress: Callable[[], object]) -> tuple[dict[str, list[Definition]], JSONObject]:
    """Every kind by its folder, and what the index says of the sources."""
    module = download(sources.KUBERNETES_MODULE, sources.KUBERNETES_VERSION)
    paths = {file: f"api/openapi-spec/v3/{file}" for file in openapi.KINDS}
    documents = {file: openapi.definitions(module.read(path)) for file, path in paths.items()}
    meta = documents[openapi.META_FILE]
    folders = {"kubernetes": list(_builtin(documents))}
    records: JSONObject = {"kubernetes": module.record(*paths.values())}
    progress()
    custom: dict[str, tuple[str, str, tuple[str, ...]]] = {
        "istio/" + ".".join(version.removeprefix("v").split(".")[:2]): (
            sources.ISTIO_MODULE,
            version,
            (sources.ISTIO_FILE,),
        )
        for version in sources.ISTIO_VERSIONS
    }
    custom["argocd"] = (sources.ARGOCD_MODULE, sources.ARGOCD_VERSION, sources.ARGOCD_FILES)
    for folder, (path, files) in sources.FLUX_FILES.items():
        custom[folder] = (path, sources.FLUX_VERSION, files)
    for folder, (path, version, files) in custom.items():
        module = download(path, version)
        folders[folder] = [
            definition for file in files for definition in crds.read(module.read(file), meta)
        ]
        records[folder] = module.record(*files)
        progress()
    return folders, records


def _builtin(documents: JSONObject) -> Iterable[Definition]:
    for file, kinds in openapi.KINDS.items():
        for kind in kinds:
            group, version, schema = openapi.kind_schema(kind, documents[file])
            scope = "Cluster" if kind in openapi.CLUSTER_WIDE else "Namespaced"
            yield Definition(group, kind, scope, (version,), schema)


def _entry(definition: Definition, name: str, content: bytes) -> JSONObject:
    return {
        "group": definition.group,
        "kind": definition.kind,
        "scope": definition.scope,
        "served": list(definition.served),
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def rendered(value: JSONObject) -> bytes:
    """The one way a value is written: keys in order, a line for each, no weight of indentation."""
    return (json.dumps(value, indent=0, sort_keys=True, ensure_ascii=False) + "\n").encode()
