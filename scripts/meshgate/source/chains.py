"""How each object came to be: its base document, then every patch and transformer, in order.

The order is kustomize's (accumulateTarget and configureBuiltinTransformers in
api/internal/target): resources, components, then strategic-merge patches, patches, namespace,
prefix, suffix, labels, annotations, JSON patches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshgate.errors import BuildError
from meshgate.model import BuildStep, JSONObject, Origin
from meshgate.source import patches
from meshgate.source.kustomization import Kustomization
from meshgate.source.load import manifests, parsed
from meshgate.source.patchfiles import Patch, patches_of
from meshgate.source.provenance import AppliedStep, TracedObject
from meshgate.source.targets import Identity, is_followed, selects
from meshgate.source.transformers import transformers
from meshgate.source.tree import Tree
from meshgate.yamldoc.positions import SourceFiles


class Layers:
    """The objects of an overlay's tree, with their chains.

    `idle` are patches for no object, `removing` those that take one away.
    """

    def __init__(self, tree: Tree, files: SourceFiles) -> None:
        self.tree = tree
        self.files = files
        self.idle: list[BuildStep] = []
        self.removing: list[BuildStep] = []

    def traced(self) -> list[TracedObject]:
        """Every object of the overlay, in kustomize's order before it sorts."""
        return self._accumulate(self.tree.start, [], ())

    def _accumulate(
        self, folder: str, below: list[TracedObject], within: tuple[str, ...]
    ) -> list[TracedObject]:
        """Objects of a folder; those `below` are the parent's, which a component changes, too."""
        kustomization = self.tree.kustomizations.get(folder)
        if kustomization is None or folder in within:
            return below
        within = (*within, folder)
        objects = list(below)
        for text in (*kustomization.list("resources"), *kustomization.list("bases")):
            name = self.tree.resolved(kustomization, text)
            if name in self.tree.kustomizations:
                objects += self._accumulate(name, [], within)
            elif name is not None:
                objects += self._objects(name)
        objects += self._generated(kustomization)
        for text in kustomization.list("components"):
            name = self.tree.resolved(kustomization, text)
            if name is not None:
                objects = self._accumulate(name, objects, within)
        self._transform(kustomization, objects)
        return [traced for traced in objects if traced.value]

    def _objects(self, name: str) -> Iterator[TracedObject]:
        try:
            documents = parsed(self.tree.content(name), name)
        except BuildError:
            return
        for index, document in enumerate(documents):
            for inside, value in manifests(document.value):
                yield TracedObject(Origin(name, index), inside, value, known=[Identity.of(value)])

    @staticmethod
    def _generated(kustomization: Kustomization) -> Iterator[TracedObject]:
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
                    yield TracedObject(
                        origin, (field_name, index), value, known=[Identity.of(value)]
                    )

    def _transform(self, kustomization: Kustomization, objects: list[TracedObject]) -> None:
        for patch in patches_of(kustomization, "patchesStrategicMerge", self.tree, self.files):
            self._apply(patch, objects)
        for patch in patches_of(kustomization, "patches", self.tree, self.files):
            self._apply(patch, objects)
        for key, change in transformers(kustomization):
            for traced in objects:
                self._change(kustomization, key, change, traced)
        for patch in patches_of(kustomization, "patchesJson6902", self.tree, self.files):
            self._apply(patch, objects)

    def _change(
        self,
        kustomization: Kustomization,
        key: str,
        change: Callable[[JSONObject], JSONObject],
        traced: TracedObject,
    ) -> None:
        after = change(traced.value)
        if after == traced.value:
            return
        origin = Origin(kustomization.file)
        position = self.files.position(origin, (key,))
        step = BuildStep("transformer", origin, traced.value, after, position)
        traced.steps.append(AppliedStep(step, (key,)))
        traced.value = after
        traced.known.append(Identity.of(after))

    def _apply(self, patch: Patch, objects: list[TracedObject]) -> None:
        touched = [traced for traced in objects if traced.value and self._is_for(patch, traced)]
        operations = tuple(patch.value) if isinstance(patch.value, list) else ()
        for traced in touched:
            after = self._patched(patch, traced.value)
            if after is None:
                continue
            step = BuildStep(
                "patch",
                patch.origin,
                traced.value,
                after,
                patch.position,
                None if operations else patch.value,
                operations,
            )
            traced.steps.append(AppliedStep(step, patch.written, patch.document))
            if not after:
                self.removing.append(step)
            traced.value = after
            traced.known.append(Identity.of(after))
        if not touched and patch.target is not None and is_followed(patch.target):
            content = None if operations else patch.value
            self.idle.append(
                BuildStep(
                    *("patch", patch.origin, None, {}, patch.position, content),
                    target=patch.stated,
                )
            )

    @staticmethod
    def _is_for(patch: Patch, traced: TracedObject) -> bool:
        if patch.target is not None:
            return selects(patch.target, (traced.known[0], Identity.of(traced.value)), traced.value)
        return isinstance(patch.value, dict) and Identity.of(patch.value) in traced.known

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


def _identity(before: JSONObject, after: JSONObject) -> JSONObject:
    """Kind, name and namespace, which a strategic-merge patch leaves as they were."""
    old, new = before.get("metadata"), after.get("metadata")
    identity: JSONObject = {"kind": before["kind"]} if "kind" in before else {}
    if isinstance(old, dict) and isinstance(new, dict):
        names = {key: old[key] for key in ("name", "namespace") if key in old}
        rest = {key: value for key, value in new.items() if key not in {"name", "namespace"}}
        identity["metadata"] = {**rest, **names}
    return identity
