"""What a rule may look at: values only."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from meshgate.effect import Effect
from meshgate.mesh import Mesh
from meshgate.model import (
    BuildRecord,
    Environment,
    MeshFacts,
    Resource,
    ResourceIndex,
    SchemaViolation,
    Waiver,
)


class Context(Struct, frozen=True):
    """One environment, rendered, with everything that decides in it.

    `resources` holds policies and inventory (`resource.foreign`) alike; objects that the API
    server or the webhook would refuse are not in it, so a rule may assume valid shapes.
    """

    environment: Environment
    resources: ResourceIndex
    today: datetime.date
    record: BuildRecord = field(default_factory=BuildRecord)
    violations: tuple[SchemaViolation, ...] = ()
    # Every rendered object, refused ones included.
    rendered: tuple[Resource, ...] = ()
    # Objects with variables that nothing gives a value, each with the variables as written.
    unresolved: tuple[tuple[Resource, tuple[str, ...]], ...] = ()
    # Objects that another of the same kind, namespace and name overwrites, each with that one.
    overwritten: tuple[tuple[Resource, Resource], ...] = ()
    # Whether these are all policies of the mesh (`validate`, `lint --mesh`), so that a missing one
    # can be told; false for some files that somebody lints.
    complete: bool = True
    # None: there is no inventory, and rules that need one have nothing to say.
    mesh: Mesh | None = None
    # The environments before this one and those that share its clusters, by name.
    upstream: Mapping[str, Context] = field(default_factory=dict)
    siblings: Mapping[str, Context] = field(default_factory=dict)
    # What the change to this environment does; None: no change is judged.
    effect: Effect | None = None
    # Waivers that covered a finding; known only to the rules that run last (WA).
    used_waivers: frozenset[Waiver] = frozenset()
    # Fingerprints of findings that are in the baseline; known as these are.
    used_baseline: frozenset[str] = frozenset()


def visible_facts(context: Context) -> MeshFacts:
    """The mesh facts without discovery selectors: they hide no object from a review."""
    return msgspec.structs.replace(context.environment.mesh, discovery_selectors=())
