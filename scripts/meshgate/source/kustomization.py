"""What a kustomization file refers to, and what it says itself."""

from __future__ import annotations

import enum
import posixpath
import re
from collections.abc import Iterator

from msgspec import Struct

from meshgate.model import JSON, JSONObject

# konfig.RecognizedKustomizationFileNames of kustomize; two of them in one folder are an error.
FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# What kustomize would clone or fetch (NewRepoSpecFromURL in api/internal/git/repospec.go), read a
# little wider: any scheme, and every user@.
REMOTE = re.compile(
    r"(?:git::)|[a-z][a-z0-9+.-]*://|(?:[a-z][a-z0-9-]*@)?github\.com[/:]|[a-z][a-z0-9-]*@",
    re.IGNORECASE,
)
HELM_FIELDS = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
PLUGIN_FIELDS = ("generators", "transformers", "validators")

# The fields that name or hold something, of a kustomization and of the items below it.
OWN_FIELDS = {
    field.casefold(): field
    for field in (
        "bases",
        "components",
        "configMapGenerator",
        "configurations",
        "crds",
        "openapi",
        "patches",
        "patchesJson6902",
        "patchesStrategicMerge",
        "replacements",
        "resources",
        "secretGenerator",
        *HELM_FIELDS,
        *PLUGIN_FIELDS,
    )
}
# Every field of it (types.Kustomization in api/types of kustomize 5.8).
FIELDS = (
    *OWN_FIELDS.values(),
    "apiVersion",
    "buildMetadata",
    "commonAnnotations",
    "commonLabels",
    "generatorOptions",
    "images",
    "imageTags",
    "kind",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "replicas",
    "sortOptions",
    "vars",
)
ITEM_FIELDS = {field: field for field in ("env", "envs", "files", "patch", "path")}


class Role(enum.Enum):
    """What kustomize does with the file or folder at the end of a reference."""

    RESOURCE = enum.auto()  # a manifest, or a folder with a kustomization
    COMPONENT = enum.auto()  # a folder with a kustomization
    PATCH = enum.auto()
    PLUGIN = enum.auto()  # the configuration of a plugin, or a folder of such
    CONFIGURATION = enum.auto()  # YAML that is no manifest
    CONTENT = enum.auto()  # any bytes
    HELM = enum.auto()  # not a path at all


class Reference(Struct, frozen=True):
    """One reference, as it is written, and where in the kustomization it stands."""

    role: Role
    text: str
    path: tuple[str | int, ...]


class Inline(Struct, frozen=True):
    """A patch or a plugin configuration written into the kustomization itself."""

    role: Role
    text: str
    path: tuple[str | int, ...]


class Kustomization(Struct, frozen=True, eq=False):
    """One kustomization file; `folder` and `file` are relative to the root, with `/`."""

    folder: str
    file: str
    value: JSONObject

    def list(self, field: str) -> list[JSON]:
        """The items of a list field; empty where there is none."""
        items = self.value.get(field)
        return items if isinstance(items, list) else []

    @property
    def uses_plugins(self) -> bool:
        return any(self.value.get(field) for field in PLUGIN_FIELDS)

    def references(self) -> Iterator[Reference | Inline]:
        """Everything it takes from elsewhere, or brings along as text."""
        for field, role in (
            ("resources", Role.RESOURCE),
            ("bases", Role.RESOURCE),
            ("components", Role.COMPONENT),
            ("crds", Role.CONFIGURATION),
            ("configurations", Role.CONFIGURATION),
        ):
            yield from self._texts(field, role)
        yield from self._patches()
        for field in PLUGIN_FIELDS:
            for index, text in enumerate(self.list(field)):
                if isinstance(text, str):
                    kind = Inline if "\n" in text or ":" in text.partition("/")[0] else Reference
                    if REMOTE.match(text):
                        kind = Reference
                    yield kind(Role.PLUGIN, text, (field, index))
        for field in ("configMapGenerator", "secretGenerator"):
            yield from self._generator(field)
        yield from self._paths("replacements", Role.CONFIGURATION)
        openapi = self.value.get("openapi")
        if isinstance(openapi, dict) and isinstance(openapi.get("path"), str):
            yield Reference(Role.CONTENT, openapi["path"], ("openapi", "path"))
        for field in HELM_FIELDS:
            if field in self.value:
                yield Reference(Role.HELM, field, (field,))

    def _texts(self, field: str, role: Role) -> Iterator[Reference]:
        for index, text in enumerate(self.list(field)):
            if isinstance(text, str):
                yield Reference(role, text, (field, index))

    def _paths(self, field: str, role: Role) -> Iterator[Reference]:
        for index, item in enumerate(self.list(field)):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                yield Reference(role, item["path"], (field, index, "path"))

    def _patches(self) -> Iterator[Reference | Inline]:
        for field in ("patches", "patchesJson6902"):
            yield from self._paths(field, Role.PATCH)
            for index, item in enumerate(self.list(field)):
                if isinstance(item, dict) and isinstance(item.get("patch"), str):
                    yield Inline(Role.PATCH, item["patch"], (field, index, "patch"))
        for field in ("patches", "patchesStrategicMerge"):
            for index, text in enumerate(self.list(field)):
                if isinstance(text, str):
                    kind = Inline if is_inline(text) else Reference
                    yield kind(Role.PATCH, text, (field, index))

    def _generator(self, field: str) -> Iterator[Reference]:
        for index, item in enumerate(self.list(field)):
            if not isinstance(item, dict):
                continue
            for key in ("files", "envs"):
                texts = item.get(key)
                for at, text in enumerate(texts if isinstance(texts, list) else ()):
                    if isinstance(text, str):
                        # `name=path` gives the entry another name than the file's.
                        path = text.partition("=")[2] if key == "files" and "=" in text else text
                        yield Reference(Role.CONTENT, path, (field, index, key, at))
            if isinstance(item.get("env"), str):
                yield Reference(Role.CONTENT, item["env"], (field, index, "env"))

    def join(self, text: str) -> str:
        """A path written here, relative to the root."""
        return posixpath.normpath(posixpath.join(self.folder, text))


def slips(value: JSONObject) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where kustomize would read more than is understood here: the path, and what to write.

    Go's JSON decoder takes `Resources`, and letters that fold to these, for `resources`; a list
    of texts under `patches` is its old `patchesStrategicMerge` (FixKustomizationPreUnmarshalling).
    """
    for key, inner in value.items():
        right = OWN_FIELDS.get(key.casefold())
        if right is None:
            continue
        if right != key:
            yield (key,), f"write it as `{right}`"
        for index, item in enumerate(inner if isinstance(inner, list) else [inner]):
            at = (key, index) if isinstance(inner, list) else (key,)
            if right == "patches" and isinstance(item, str):
                yield at, "write it as `path: FILE`, or under `patchesStrategicMerge`"
            for field in item if isinstance(item, dict) else ():
                known = ITEM_FIELDS.get(field.casefold(), field)
                if known != field:
                    yield (*at, field), f"write it as `{known}`"


def is_inline(text: str) -> bool:
    """Whether an entry of patchesStrategicMerge is the patch itself."""
    return "\n" in text or ": " in text
