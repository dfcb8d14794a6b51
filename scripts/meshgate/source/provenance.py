"""One object on its way through the layers of an overlay, with every step that made it."""

from __future__ import annotations

from msgspec import Struct, field, structs

from meshgate.model import BuildStep, JSONObject, Origin
from meshgate.source import patches
from meshgate.source.targets import Identity
from meshgate.source.transformers import OTHERS
from meshgate.source.tree import Tree
from meshgate.yamldoc.positions import SourceFiles

Parts = tuple[str | int, ...]


class TracedObject(Struct):
    """One object on its way through the layers."""

    origin: Origin
    inside: Parts  # where it stands in its document
    value: JSONObject
    steps: list[AppliedStep] = field(default_factory=list)
    known: list[Identity] = field(default_factory=list)

    @property
    def base(self) -> BuildStep:
        first = self.steps[0].step.before if self.steps else self.value
        assert first is not None
        return BuildStep("base", self.origin, None, first)

    def chain(self) -> tuple[BuildStep, ...]:
        return (self.base, *(applied.step for applied in self.steps))


class TracedOrigin(Origin):
    """The origin of a rendered object, which knows how the object came to be."""

    traced: TracedObject

    @classmethod
    def of(cls, traced: TracedObject) -> TracedOrigin:
        """The origin that the object's base document gives it."""
        origin = cls(traced.origin.file, traced.origin.document)
        origin.traced = traced
        return origin


class AppliedStep(Struct, frozen=True):
    """A step, and where its own text is found: in a file, or at a path of a kustomization."""

    step: BuildStep
    # Where in a kustomization the patch is written; None: the origin's document is the patch.
    written: Parts | None = None
    # Which of the documents written there it is.
    document: int = 0


def settle(traced: TracedObject, rendered: JSONObject, tree: Tree, files: SourceFiles) -> None:
    """End a chain in what kustomize really rendered, whatever made the difference."""
    # An object that no step changed needs no closer look.
    if patches.same(traced.value, rendered) if traced.steps else traced.value == rendered:
        return
    if traced.steps and patches.alike(traced.value, rendered):
        # A patched value keeps the quotes of the one it replaces, and becomes text by them, from
        # the step on that set it.
        traced.steps[:] = [_as_rendered(applied, rendered) for applied in traced.steps]
        traced.value = rendered
        return
    file, key = _other(tree)
    origin = Origin(file)
    position = files.position(origin, (key,) if key else ())
    traced.steps.append(
        AppliedStep(BuildStep("transformer", origin, traced.value, rendered, position))
    )
    traced.value = rendered


def _as_rendered(applied: AppliedStep, rendered: JSONObject) -> AppliedStep:
    before, after = (
        patches.written_like(value, rendered) for value in (applied.step.before, applied.step.after)
    )
    return structs.replace(applied, step=structs.replace(applied.step, before=before, after=after))


def _other(tree: Tree) -> tuple[str, str | None]:
    """The kustomization and the field that most likely did what no step accounts for."""
    for kustomization in tree.kustomizations.values():
        for key in OTHERS:
            if key in kustomization.value:
                return kustomization.file, key
    return tree.kustomizations[tree.start].file, None
