"""How each object came to be: its base document, then every patch and transformer, in order.

The order is kustomize's (accumulateTarget and configureBuiltinTransformers in
api/internal/target): resources, components, then strategic-merge patches, patches, namespace,
prefix, suffix, labels, annotations, JSON patches.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from meshgate.errors import BuildError
from meshgate.model import Origin, Position, Step
from meshgate.source import patches
from meshgate.source.kustomization import Kustomization, is_inline
from meshgate.source.load import manifests
from meshgate.source.nodes import Reader
from meshgate.source.parsed import parsed
from meshgate.source.targets import Identity, is_followed, selects
from meshgate.source.text import starts
from meshgate.source.transformers import OTHERS, transformers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshgate.model import JSON, JSONObject
    from meshgate.source.positions import SourceFiles
    from meshgate.source.tree import Tree

Parts = tuple[str | int, ...]


@dataclass(slots=True)
class Made:
    """One object on its way through the layers."""

    origin: Origin
    inside: Parts  # where it stands in its document
    value: JSONObject
    steps: list[Applied] = field(default_factory=list)
    known: list[Identity] = field(default_factory=list)

    @property
    def base(self) -> Step:
        first = self.steps[0].step.before if self.steps else self.value
        assert first is not None
        return Step("base", self.origin, None, first)

    def chain(self) -> tuple[Step, ...]:
        return (self.base, *(applied.step for applied in self.steps))


class Built(Origin):
    """The origin of a rendered object, which knows how the object came to be."""

    made: Made

    @classmethod
    def of(cls, made: Made) -> Built:
        """The origin that the object's base document gives it."""
        found = cls(made.origin.file, made.origin.document)
        found.made = made
        return found


@dataclass(frozen=True, slots=True)
class Applied:
    """A step, and where its own text is found: in a file, or at a path of a kustomization."""

    step: Step
    # Where in a kustomization the patch is written; None: the origin's document is the patch.
    written: Parts | None = None
    # Which of the documents written there it is.
    document: int = 0


class Patch(NamedTuple):
    """One document of a patch: an object to merge, or a list of JSON operations."""

    origin: Origin
    position: Position
    value: JSON
    # Where the patch is written in its file, and which of the documents there it is.
    written: Parts | None
    document: int
    target: JSONObject | None


class Layers:
    """The objects of an overlay's tree, with their chains; `idle` are patches for no object."""

    def __init__(self, tree: Tree, files: SourceFiles) -> None:
        self.tree = tree
        self.files = files
        self.idle: list[Step] = []

    def made(self) -> list[Made]:
        """Every object of the overlay, in kustomize's order before it sorts."""
        return self._accumulate(self.tree.start, [], ())

    def _accumulate(self, folder: str, below: list[Made], within: tuple[str, ...]) -> list[Made]:
        """Objects of a folder; those `below` are the parent's, which a component changes, too."""
        kustomization = self.tree.kustomizations.get(folder)
        if kustomization is None or folder in within:
            return below
        within = (*within, folder)
        found = list(below)
        for text in (*kustomization.list("resources"), *kustomization.list("bases")):
            name = self.tree.resolved(kustomization, text)
            if name in self.tree.kustomizations:
                found += self._accumulate(name, [], within)
            elif name is not None:
                found += self._objects(name)
        found += self._generated(kustomization)
        for text in kustomization.list("components"):
            name = self.tree.resolved(kustomization, text)
            if name is not None:
                found = self._accumulate(name, found, within)
        self._transform(kustomization, found)
        return [made for made in found if made.value]

    def _objects(self, name: str) -> Iterator[Made]:
        try:
            documents = parsed(self.tree.content(name), name)
        except BuildError:
            return
        for index, document in enumerate(documents):
            for inside, value in manifests(document.value):
                yield Made(Origin(name, index), inside, value, known=[Identity.of(value)])

    @staticmethod
    def _generated(kustomization: Kustomization) -> Iterator[Made]:
        """What the generators make, as far as patches can select it: not its content."""
        for field_name, kind in (
            ("configMapGenerator", "ConfigMap"),
            ("secretGenerator", "Secret"),
        ):
            for index, item in enumerate(kustomization.list(field_name)):
                if isinstance(item, dict):
                    names = {key: item[key] for key in ("name", "namespace") if key in item}
                    value = {"apiVersion": "v1", "kind": kind, "metadata": names}
                    origin = Origin(kustomization.file)
                    yield Made(origin, (field_name, index), value, known=[Identity.of(value)])

    def _transform(self, kustomization: Kustomization, found: list[Made]) -> None:
        for patch in self._patches(kustomization, "patchesStrategicMerge"):
            self._apply(patch, found)
        for patch in self._patches(kustomization, "patches"):
            self._apply(patch, found)
        for key, change in transformers(kustomization):
            for made in found:
                self._change(kustomization, key, change, made)
        for patch in self._patches(kustomization, "patchesJson6902"):
            self._apply(patch, found)

    def _change(
        self,
        kustomization: Kustomization,
        key: str,
        change: Callable[[JSONObject], JSONObject],
        made: Made,
    ) -> None:
        after = change(made.value)
        if after == made.value:
            return
        origin = Origin(kustomization.file)
        position = self.files.position(origin, (key,))
        step = Step("transformer", origin, made.value, after, position)
        made.steps.append(Applied(step, (key,)))
        made.value = after
        made.known.append(Identity.of(after))

    def _apply(self, patch: Patch, found: list[Made]) -> None:
        touched = [made for made in found if made.value and self._is_for(patch, made)]
        operations = tuple(patch.value) if isinstance(patch.value, list) else ()
        for made in touched:
            after = self._patched(patch, made.value)
            if after is None:
                continue
            step = Step(
                "patch",
                patch.origin,
                made.value,
                after,
                patch.position,
                None if operations else patch.value,
                operations,
            )
            made.steps.append(Applied(step, patch.written, patch.document))
            made.value = after
            made.known.append(Identity.of(after))
        if not touched and patch.target is not None and is_followed(patch.target):
            content = None if operations else patch.value
            self.idle.append(Step("patch", patch.origin, None, {}, patch.position, content))

    @staticmethod
    def _is_for(patch: Patch, made: Made) -> bool:
        if patch.target is not None:
            return selects(patch.target, (made.known[0], Identity.of(made.value)), made.value)
        return isinstance(patch.value, dict) and Identity.of(patch.value) in made.known

    @staticmethod
    def _patched(patch: Patch, value: JSONObject) -> JSONObject | None:
        if isinstance(patch.value, list):
            return patches.json_patched(value, patch.value)
        by_key = patches.is_built_in(value)
        after = patches.merged(value, patch.value, "", by_key=by_key)
        if not isinstance(after, dict):
            return {}
        # A patch is for an object; it does not rename or move it.
        return {**after, **_identity(value, after)}

    def _patches(self, kustomization: Kustomization, field_name: str) -> Iterator[Patch]:
        for index, item in enumerate(kustomization.list(field_name)):
            path, text, target = _patch_entry(item)
            if text is not None:
                written: Parts = (field_name, index)
                yield from self._inline(
                    kustomization, written if path == "" else (*written, "patch"), text, target
                )
            elif path:
                yield from self._in_file(kustomization, path, target)

    def _inline(
        self, kustomization: Kustomization, written: Parts, text: str, target: JSONObject | None
    ) -> Iterator[Patch]:
        origin = Origin(kustomization.file)
        for index, value, (line, column) in _documents(text.encode(), kustomization.file):
            inner = Position(kustomization.file, line, column)
            position = self.files.inside(kustomization.file, written, inner)
            yield Patch(origin, position, value, written, index, target)

    def _in_file(
        self, kustomization: Kustomization, path: str, target: JSONObject | None
    ) -> Iterator[Patch]:
        name = self.tree.resolved(kustomization, path)
        if name is None:
            return
        try:
            content = self.tree.content(name)
        except BuildError:
            return
        for index, value, (line, column) in _documents(content, name):
            position = Position(name, line, column)
            yield Patch(Origin(name, index), position, value, None, index, target)


def _documents(content: bytes, name: str) -> Iterator[tuple[int, JSON, tuple[int, int]]]:
    """Index, value, and the line and column of each document of a patch that is not empty."""
    try:
        documents = parsed(content, name)
        if any(isinstance(document.value, list) for document in documents):
            # kustomize reads JSON patches as the API server reads YAML.
            documents = parsed(content, name, Reader.API_SERVER)
    except BuildError:
        return
    places = starts(content.decode("utf-8-sig"))
    for index, (document, place) in enumerate(zip(documents, places, strict=False)):
        if document.value is not None:
            yield index, document.value, place


def _patch_entry(item: JSON) -> tuple[str, str | None, JSONObject | None]:
    """The path, the text and the target of an entry of a field with patches."""
    if isinstance(item, str):
        return ("", item, None) if is_inline(item) else (item, None, None)
    if not isinstance(item, dict):
        return "", None, None
    target = item.get("target")
    text = item.get("patch")
    return (
        str(item.get("path") or "patch"),
        text if isinstance(text, str) else None,
        target if isinstance(target, dict) else None,
    )


def _identity(before: JSONObject, after: JSONObject) -> JSONObject:
    """Kind, name and namespace, which a strategic-merge patch leaves as they were."""
    old, new = before.get("metadata"), after.get("metadata")
    kept: JSONObject = {"kind": before["kind"]} if "kind" in before else {}
    if isinstance(old, dict) and isinstance(new, dict):
        names = {key: old[key] for key in ("name", "namespace") if key in old}
        rest = {key: value for key, value in new.items() if key not in {"name", "namespace"}}
        kept["metadata"] = {**rest, **names}
    return kept


def settle(made: Made, rendered: JSONObject, tree: Tree, files: SourceFiles) -> None:
    """End a chain in what kustomize really rendered, whatever made the difference."""
    # An object that no step changed needs no closer look.
    if patches.same(made.value, rendered) if made.steps else made.value == rendered:
        return
    if made.steps and patches.alike(made.value, rendered):
        # A patched value keeps the quotes of the one it replaces, and becomes text by them.
        last = made.steps[-1]
        made.steps[-1] = replace(last, step=replace(last.step, after=rendered))
        made.value = rendered
        return
    file, key = _other(tree)
    origin = Origin(file)
    position = files.position(origin, (key,) if key else ())
    made.steps.append(Applied(Step("transformer", origin, made.value, rendered, position)))
    made.value = rendered


def _other(tree: Tree) -> tuple[str, str | None]:
    """The kustomization and the field that most likely did what no step accounts for."""
    for kustomization in tree.kustomizations.values():
        for key in OTHERS:
            if key in kustomization.value:
                return kustomization.file, key
    return tree.kustomizations[tree.start].file, None
