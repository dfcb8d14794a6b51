"""An object that meshgate does not read decides on calls.

What it checks
    Every object of a kind that the table in `docs/what-is-read.md` lists under "makes undecided",
    policies and inventory alike, against the workloads and hosts it covers. Objects that are
    labelled for one revision (`istio.io/rev`), too, where it is not known whether proxies are of
    that revision: `mesh.revision` is not stated, or their own label may be a tag.

    ```yaml
    kind: EnvoyFilter
    metadata: {name: limits, namespace: boards}
    spec:
      workloadSelector: {labels: {app: boards}}
      configPatches: [{applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}}]   # may refuse
    ```

Why it matters
    A call that works as far as mutual TLS goes may still be refused, or sent elsewhere, by such an
    object. No verdict rests on what was not read: `calls` and `diff` say `unknown` for these calls
    and name the object.

How to fix
    Look at what the object decides, and waive the finding with that as the reason; or do without
    it. For an object of one revision: state `mesh.revision`, and label namespaces with the revision
    itself.

Known gaps
    Whether the object really refuses anything is not known here. One that selects nothing is no
    finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.covers import named
from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.undecided_calls import state_revision
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    if context.mesh is None:
        return
    for unread in context.mesh.unread:
        if unread.covered:
            yield Violation(
                unread.resource,
                "spec",
                f"it {unread.reason}: {listed(unread.covered)}; what becomes of calls there that "
                "work otherwise is not decided",
                fix=state_revision(unread.reason),
                decided=False,
                explains=frozenset({named(unread.resource)}),
            )


RULE = Rule(
    id="CA010",
    name="undecided-calls",
    severity=Severity.WARNING,
    summary="An object that is not read covers workloads: their calls are undecided.",
    fix="look at what the object decides, and waive the finding with that as the reason",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
