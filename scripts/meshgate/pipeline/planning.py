"""The safe steps to a change of one environment, from what was judged of it on both sides."""

from __future__ import annotations

from msgspec import structs

from meshgate.effect.steps import NoPlan, Plan, SafeStep, plan
from meshgate.errors import SourcesError
from meshgate.mesh import Mesh
from meshgate.model import Resource, ResourceIndex
from meshgate.pipeline.change import Comparison
from meshgate.rules.context import Context


def safe_steps(comparison: Comparison) -> Plan | NoPlan:
    """The steps, or why there are none. Raises SourcesError for objects that would be refused."""
    old, new = comparison.before.require_context(), comparison.after.require_context()
    for context in (old, new):
        refuse_invalid(context)
    return plan(
        managed(old),
        managed(new),
        foreign(new),
        comparison.environment.mesh,
        whole=comparison.effect,
        expected=comparison.environment.expectations,
    )


def managed(context: Context) -> list[Resource]:
    """The objects that are written here, and not merely known to run there."""
    return [each for each in context.resources.all if not each.foreign]


def foreign(context: Context) -> list[Resource]:
    """The objects that are known to run there and are not written here."""
    return [each for each in context.resources.all if each.foreign]


def with_policies(context: Context, step: SafeStep) -> Context:
    """The context of an environment in which a step has been taken."""
    resources = [*step.policies, *foreign(context)]
    return structs.replace(
        context,
        resources=ResourceIndex(resources),
        rendered=step.policies,
        mesh=Mesh(resources, context.environment.mesh) if context.mesh is not None else None,
    )


def refuse_invalid(context: Context) -> None:
    """Raise SourcesError for objects that would never reach a cluster: steps would not hold there.

    Those of the inventory are in no step, and what refuses them has not refused them there.
    """
    first = next((each for each in context.violations if not each.resource.foreign), None)
    if first is not None:
        raise SourcesError(
            f"{first.resource} would be refused: {first.message}",
            hint=f"run `meshgate validate {context.environment.name}`, and repair that first",
        )
