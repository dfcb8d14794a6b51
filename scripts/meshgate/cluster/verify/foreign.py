"""Objects that are not of this repository, and what they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meshgate.cluster.capture.ownership import ObjectIdentity
from meshgate.effect import Effect, effect
from meshgate.mesh import Mesh
from meshgate.model import Expectation, MeshFacts, Resource


class Foreign(NamedTuple):
    """A foreign object that is in the cluster and not in the inventory, and its own effect."""

    resource: Resource
    effect: Effect

    @property
    def decides(self) -> bool:
        """Whether anything is, or may be, otherwise because of it."""
        return not self.effect.is_empty


class ForeignOutcome(NamedTuple):
    """What the cluster's objects do that the reviewed ones would not."""

    intended: Mesh
    actual: Mesh
    effect: Effect
    foreign: tuple[Foreign, ...]


class ReviewedAndLive(NamedTuple):
    """What was reviewed, and what there is.

    rendered   the environment's own objects
    accepted   foreign objects that decide, as the inventory has them
    live       every object in the cluster that decides
    running    what runs there
    """

    rendered: Sequence[Resource]
    accepted: Sequence[Resource]
    live: Sequence[Resource]
    running: Sequence[Resource]


def outcome(
    world: ReviewedAndLive, facts: MeshFacts, expected: Iterable[Expectation]
) -> ForeignOutcome:
    """Compare the mesh that was reviewed with the one that there is, on the workloads there are."""
    wanted = list(expected)
    ours = {ObjectIdentity.of(resource) for resource in (*world.rendered, *world.accepted)}
    # Copies of what is managed give it its age, by which Istio settles conflicts.
    copies = [
        Resource.of(each.value, foreign=True)
        for each in world.live
        if ObjectIdentity.of(each) in ours
    ]
    intended = Mesh((*world.rendered, *world.accepted, *copies, *world.running), facts)
    actual = Mesh((*world.live, *world.running), facts)
    foreign = tuple(
        Foreign(each, _effect_of(each, world, actual, facts, wanted))
        for each in world.live
        if ObjectIdentity.of(each) not in ours
    )
    return ForeignOutcome(intended, actual, effect(intended, actual, expected=wanted), foreign)


def _effect_of(
    resource: Resource,
    world: ReviewedAndLive,
    actual: Mesh,
    facts: MeshFacts,
    expected: Iterable[Expectation],
) -> Effect:
    others = [each for each in world.live if each is not resource]
    without = Mesh((*others, *world.running), facts)
    return effect(without, actual, expected=expected)
