"""The file and line a person must edit to change a value: the base, or the patch that set it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from meshgate.model import Origin, Position, Resource, split_path
from meshgate.source.charts.templates import TemplateOrigin
from meshgate.source.load import Parts, manifests
from meshgate.source.provenance import TracedObject, TracedOrigin
from meshgate.source.trace import value_origin
from meshgate.yamldoc.positions import SourceFiles, exists, follow
from meshgate.yamldoc.values import value_of


class Locator:
    """Positions in the files below a root, and in texts that are no files (`-`: standard input)."""

    def __init__(self, root: Path, given: Mapping[str, bytes] | None = None) -> None:
        self.files = SourceFiles(root, dict(given or {}))
        self._items = functools.lru_cache(maxsize=64)(self._items_of)

    def __call__(self, resource: Resource, path: str) -> Position | None:
        """Where to edit what `path` of a resource says.

        A path that leads nowhere resolves to its nearest parent. None where the resource came from
        no file.
        """
        if resource.origin is None:
            return None
        parts = split_path(path)
        if isinstance(resource.origin, TracedOrigin):
            return self._traced(resource.origin.traced, parts)
        if isinstance(resource.origin, TemplateOrigin):
            return resource.origin.template.position(resource.value, parts, self.files)
        while parts and not exists(resource.value, parts):
            parts.pop()
        return self.files.position(resource.origin, (*self._inside(resource), *parts))

    def _traced(self, traced: TracedObject, parts: list[str | int]) -> Position | None:
        """The place in the base or in the patch that wrote a value."""
        applied, path = value_origin(traced, parts)
        if applied is None:
            return self.files.position(traced.origin, (*traced.inside, *path))
        origin = applied.step.origin
        if applied.step.kind == "transformer":
            return applied.step.position
        if applied.written is None:
            return self.files.position(origin, path)
        return self.files.within(origin.file, applied.written, applied.document, path)

    def _inside(self, resource: Resource) -> Parts:
        """Where the object stands in its document: mostly at the top, else in a list's items."""
        assert resource.origin is not None
        items = self._items(resource.origin)
        if not items:
            return ()
        name = (resource.kind, resource.name)
        # `lint -n` gives a namespace to an object whose manifest has none.
        return items.get((*name, resource.namespace)) or items.get((*name, None)) or ()

    def _items_of(self, origin: Origin) -> dict[tuple[str, str, str | None], Parts]:
        """The objects of a list, by what they are called; nothing for any other document."""
        file = self.files.get(origin.file)
        document = file.document(origin.document) if file else None
        if document is None:
            return {}
        node, line = document
        kind = follow(node, ("kind",))
        if kind.depth == 0 or not str(kind.value.value).endswith("List"):
            return {}
        value, _ = value_of(node, origin.file, line, aliases=True)
        named = ((at, Resource.of(manifest)) for at, manifest in manifests(value))
        return {(item.kind, item.name, item.namespace): at for at, item in named}

    def excerpt(self, position: Position) -> str:
        """The source line at a position: bounded in length, control characters escaped."""
        file = self.files.get(position.file)
        return file.excerpt(position.line) if file else ""
