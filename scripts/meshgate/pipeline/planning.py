"""The safe steps to a change of one environment, from what was judged of it on both sides."""

from __future__ import annotations

from meshgate.effect.steps import NoPlan, Plan, plan
from meshgate.errors import UsageError
from meshgate.model import Resource
from meshgate.pipeline.change import Comparison
from meshgate.rules.context import Context


def safe_steps(comparison: Comparison) -> Plan | NoPlan:
    """The steps, or why there are none. Raises UsageError for objects that would be refused."""
    old, new = comparison.before.held(), comparison.after.held()
    for context in (old, new):
        refuse_invalid(context)
    return plan(
        managed(old),
        managed(new),
        [each for each in new.resources.all if each.foreign],
        comparison.environment.mesh,
        whole=comparison.effect,
        expected=comparison.environment.expectations,
    )


def managed(context: Context) -> list[Resource]:
    """The objects that are written here, and not merely known to run there."""
    return [each for each in context.resources.all if not each.foreign]


def refuse_invalid(context: Context) -> None:
    """Raise UsageError for objects that would never reach a cluster: steps are not told of them."""
    if context.violations:
        first = context.violations[0]
        raise UsageError(
            f"{first.resource} would be refused: {first.message}",
            hint=f"run `meshgate validate {context.environment.name}`, and repair that first",
        )
