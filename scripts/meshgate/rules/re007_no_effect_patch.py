"""A patch that changes nothing.

What it checks
    Every patch of the build: whether some object was different after it.

    ```yaml
    patches:
      - target: {kind: PeerAuthentication, name: strict}   # no such object
        path: strict.yaml
    ```

Why it matters
    Somebody wrote the patch to change something: a target that matches no object, or a value that
    the base has already, means that the change is not there or not needed. An overlay that
    differs from its base only on paper hides the lines that count.

How to fix
    Correct the target, or remove the patch.

Known gaps
    A patch for several objects is reported only if it changes none of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Origin, Position, Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    touching = {
        (step.origin, step.position)
        for chain in context.record.chains.values()
        for step in chain
        if step.kind == "patch"
    }
    # A component may be included several times: what one inclusion needs is needed.
    idle = {(step.origin, step.position): step for step in context.record.idle_patches}
    for (origin, position), step in idle.items():
        if (origin, position) in touching:
            continue
        yield Violation(
            None,
            "",
            f"the patch in {origin.file} matches no object: what it sets is set nowhere",
            fix="correct its target, or remove the patch",
            source=step.target or position,
            key=origin.file,
        )
    for (origin, position), resources in without_effect(context).items():
        names = ", ".join(str(resource) for resource in resources)
        yield Violation(
            resources[0],
            "",
            f"the patch in {origin.file} changes nothing in {names}: what it sets is there already",
            fix="remove the patch, or set in it what is meant",
            source=position,
            key=origin.file,
        )


def without_effect(context: Context) -> dict[tuple[Origin, Position | None], list[Resource]]:
    """The patches that left every object they were applied to as it was."""
    touched: dict[tuple[Origin, Position | None], list[Resource]] = {}
    effective: set[tuple[Origin, Position | None]] = set()
    for resource in context.rendered:
        for step in context.record.chains.get(resource.ref, ()):
            if step.kind == "patch":
                patch = (step.origin, step.position)
                touched.setdefault(patch, []).append(resource)
                if step.before != step.after:
                    effective.add(patch)
    return {patch: resources for patch, resources in touched.items() if patch not in effective}


RULE = Rule(
    id="RE007",
    name="no-effect-patch",
    severity=Severity.WARNING,
    summary="A patch changes no object.",
    fix="correct the target of the patch, or remove it",
    phase=Phase.STATE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
