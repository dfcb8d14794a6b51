"""What the rules about DestinationRules share: which there are, and what their hosts are."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from meshgate.mesh import Mesh, selectors
from meshgate.mesh.catalog import Catalog, control_planes
from meshgate.mesh.destination_rule import DestinationRule
from meshgate.mesh.destination_rules import DestinationRules
from meshgate.model import MeshFacts, ResourceIndex
from meshgate.rules.context import Context, visible_facts

KIND = "DestinationRule"


def seen(context: Context) -> Sequence[DestinationRule]:
    """The rules that some control plane of the environment reads, copies in other files too."""
    return _seen(context.resources, visible_facts(context), context.mesh)


def by_control_plane(context: Context) -> tuple[DestinationRules, ...]:
    """The rules of each control plane, in the pools where its clients look for them."""
    return _planes(context.resources, visible_facts(context), context.mesh)


# Every rule of the family asks for the same values: they are made once for each environment, and
# are those of its mesh where there is one that hides nothing.
@functools.lru_cache(maxsize=4)
def _planes(
    resources: ResourceIndex, facts: MeshFacts, mesh: Mesh | None
) -> tuple[DestinationRules, ...]:
    given = tuple(resources.of(KIND))
    each = control_planes(given, facts)
    if mesh is not None and each == [mesh.facts]:
        return (mesh.rules,)
    return tuple(DestinationRules(Catalog(given, own), own) for own in each)


@functools.lru_cache(maxsize=4)
def _seen(
    resources: ResourceIndex, facts: MeshFacts, mesh: Mesh | None
) -> tuple[DestinationRule, ...]:
    by_object = {
        id(rule.resource): rule
        for plane in _planes(resources, facts, mesh)
        for rule in (*plane.all.values(), *plane.repeated)
    }
    return tuple(by_object.values())


def is_in_subset(rule: DestinationRule, subset: str | None, labels: Mapping[str, str]) -> bool:
    """Whether an endpoint with these labels is in a subset of a rule; None: in the rule's whole."""
    if subset is None:
        return True
    wanted = next(each.labels for each in rule.subsets if each.name == subset)
    return selectors.matches(wanted, labels)
