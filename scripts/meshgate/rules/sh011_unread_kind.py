"""A kind of which nobody has said whether calls depend on it.

What it checks
    The kind and API group of every object, policies and inventory alike, against the table in
    `docs/what-is-read.md`: each is modelled, makes calls undecided, or is irrelevant with a reason.

    ```yaml
    apiVersion: policy.example.com/v1
    kind: TrafficGuard        # of a vendor that meshgate does not know
    ```

Why it matters
    An object of an unknown kind may refuse calls or lead them elsewhere, and every verdict would
    stand as if it were not there. A kind of Kubernetes, Istio, the Gateway API, Cilium or Calico
    that has no row is an error; of another vendor it is not decidable.

How to fix
    Take the object out, or out of the inventory, where calls do not depend on it; else tell the
    project the kind, so that the table gets a row.

Known gaps
    A kind that `require.kinds` does not allow is SH008 and not reported again.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.coverage import coverage_of, is_of_vendor
from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    allowed = context.environment.require.kinds
    unknown: dict[tuple[str, str], list[Resource]] = {}
    for resource in context.resources.all:
        # What has no name is no object of a cluster: a note of a release, a settings file.
        if resource.name and coverage_of(resource.group, resource.kind) is None:
            unknown.setdefault((resource.group, resource.kind), []).append(resource)
    for (group, kind), objects in sorted(unknown.items()):
        first = objects[0]
        if allowed is not None and kind not in allowed and not first.foreign:
            continue
        more = f" ({len(objects)} objects)" if len(objects) > 1 else ""
        yield Violation(
            first,
            "kind",
            f"it is not known whether calls depend on {kind} of {group or 'the core API'}{more}",
            decided=is_of_vendor(group),
        )


RULE = Rule(
    id="SH011",
    name="unread-kind",
    severity=Severity.ERROR,
    summary="An object has a kind of which it is not known whether calls depend on it.",
    fix="leave the object out where calls do not depend on it, or tell the project the kind",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset(),
    check=check,
)
