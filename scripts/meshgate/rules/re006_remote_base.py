"""A source that comes from outside the repository.

What it checks
    Every kustomization that an environment is built from, for a reference that leaves the
    repository or runs something: a URL or git address, a path or symlink that leads out, a Helm
    chart, a plugin, a generator or transformer that executes.

    ```yaml
    resources:
      - https://github.com/example/policies//base?ref=main
    ```

Why it matters
    What is behind an address can change after the review, and nobody sees the difference in this
    repository. Building it lets whoever writes a pull request make the pipeline fetch or run
    something. So such an overlay is not built at all.

How to fix
    Copy the files into `policies/` and review them there. A chart is rendered once, by hand, and
    its output committed.

Known gaps
    None known; a reference that cannot be understood counts as one that leads out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# A full commit id (SHA-1 or SHA-256) as the reference of a git address.
PINNED = re.compile(r"[?&](?:ref|version)=(?:[0-9a-f]{40}|[0-9a-f]{64})(?:&|$)")


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "remote-reference":
            pinned = PINNED.search(defect.detail) is not None
            why = (
                "it is pinned to a commit, but its content is not here to be reviewed or judged, "
                "and is never fetched"
                if pinned
                else "what it brings in can change without review"
            )
            yield Violation(
                None,
                defect.path,
                f"{defect.detail} is not a file of this repository: {why}, so the overlay is not "
                "built",
                fix="copy that commit's files into policies/ and name that instead"
                if pinned
                else "copy what it brings into policies/ and name that instead",
                source=defect.position,
                key=defect.detail,
            )


RULE = Rule(
    id="RE006",
    name="remote-base",
    severity=Severity.ERROR,
    summary="A kustomization brings in something from outside the repository.",
    fix="copy what it brings into policies/ and name that instead",
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
