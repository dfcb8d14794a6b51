"""One object that two environments write into one cluster.

What it checks
    Objects with one group, kind, namespace and name that the overlays of two environments render,
    where `clusters` of both select the same clusters.

Why it matters
    Two syncs own the object and undo each other's work for ever; what the cluster enforces depends
    on who came last.

How to fix
    Let one environment own the object, or give the environments different clusters.

Known gaps
    Selectors are compared as written: two that differ may still select one cluster. Environments
    without `clusters` are not compared.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, SharedCause, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    for name, sibling in context.siblings.items():
        theirs = {identity(resource): resource for resource in sibling.rendered}
        for resource in context.rendered:
            other = theirs.get(identity(resource))
            if other is not None:
                yield Violation(
                    resource,
                    "metadata.name",
                    f"environment {name} writes this object too, into the same clusters: two "
                    "syncs will undo each other's work",
                    related=(RelatedResource(other, f"as {name} renders it"),),
                    key=name,
                    group=SharedCause(
                        name,
                        f"{resource}",
                        functools.partial(several, name),
                        "let one environment own the objects, or give the environments different "
                        "clusters",
                    ),
                )


def several(environment: str, names: Sequence[str]) -> str:
    """The message on several objects that one other environment writes, too."""
    return (
        f"environment {environment} writes {len(names)} objects of this one too, into the same "
        f"clusters: two syncs will undo each other's work on {listed(names)}"
    )


def identity(resource: Resource) -> tuple[str, str, str | None, str]:
    """What the API server knows an object by; its version is not part of it."""
    return resource.group, resource.kind, resource.namespace, resource.name


RULE = Rule(
    id="RE005",
    name="owned-twice",
    severity=Severity.ERROR,
    summary="One object is rendered by two environments for one cluster.",
    fix="let one environment own the object, or give the environments different clusters",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset(),
    check=check,
)
