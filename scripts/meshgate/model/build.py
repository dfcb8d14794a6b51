"""How judged resources came to be: the record of a build."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from meshgate.model.origin import Origin, Position
from meshgate.model.resource import ResourceRef
from meshgate.model.value import JSON, JSONObject


class Defect(Struct, frozen=True):
    """Something in a source file that two readers take differently.

    kind: `duplicate-key`, `integer-key`, `ambiguous-scalar`, `remote-reference`, `orphan-file`,
    `agent-override`.
    """

    kind: str
    position: Position
    path: str
    detail: str  # the key, the scalar as written, the reference
    origin: Origin
    # Where the same key stood first, for a duplicate key.
    first: Position | None = None
    # Of a remote reference with a copy that is not right: what is wrong, and what mends it.
    why: str = ""
    hint: str = ""


class BuildStep(Struct, frozen=True):
    """One link of the chain of values that ends in a rendered resource."""

    kind: str  # base | patch | transformer
    origin: Origin  # the patch file, or the kustomization that holds an inline patch
    before: JSONObject | None
    after: JSONObject
    # Where the patch itself starts, and what it says (None: not a merge patch).
    position: Position | None = None
    patch: JSON = None
    # What a JSON patch (RFC 6902) does, one mapping each.
    operations: tuple[JSON, ...] = ()
    # Where the kustomization says what a patch is for.
    target: Position | None = None


class BuildRecord(Struct, frozen=True):
    """How the judged resources came to be: defects of sources, each object's chain of values."""

    defects: tuple[Defect, ...] = ()
    chains: Mapping[ResourceRef, tuple[BuildStep, ...]] = field(default_factory=dict)
    # Patches that match no object at all, by origin.
    idle_patches: tuple[BuildStep, ...] = ()
    # Patches that take an object away (`$patch: delete`), with the object before them.
    removing_patches: tuple[BuildStep, ...] = ()
