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
    Copy the files into the repository and review them there. A chart is copied, too, and named by
    `helm` of an environment; or it is rendered once, by hand, and its output committed.

    A base at an address may stay named where it is pinned by a full commit id and that commit's
    files lie here. `vendored.yaml`, beside the kustomization, says where, and their digest:

    ```yaml
    vendored:
      - url: https://github.com/example/policies    # as the reference starts
        commit: 0123456789abcdef0123456789abcdef01234567
        folder: ../../policies/vendor/example       # the copy, with the repository's own folders
        sha256: …
    ```

    The digest is what `find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`
    says in that folder; the finding says it, too. The copy has no links, and names nothing outside
    of itself. It is built instead of the address, and nothing is fetched.

Known gaps
    Whether a copy is what its commit holds is for the review to see: nothing is fetched to compare.
    A cluster that builds a floating environment itself fetches the address. A single file at an
    address, pinned or not, is refused. A reference that cannot be understood counts as one that
    leads out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# A full commit id (SHA-1 or SHA-256) as the reference of a git address.
PINNED = re.compile(r"[?&](?:ref|version)=(?:[0-9a-f]{40}|[0-9a-f]{64})(?:&|$)")

PINNED_WHY = (
    "it is pinned to a commit, but no vendored.yaml beside the kustomization names a copy of it to "
    "be reviewed and judged, and it is never fetched"
)
FIX = "copy what it brings into this repository and name that instead"
PINNED_FIX = (
    "copy that commit's files into this repository and name that instead, or state the copy and "
    "its digest in vendored.yaml"
)


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "remote-reference":
            pinned = PINNED.search(defect.detail) is not None
            why = defect.why or (
                PINNED_WHY if pinned else "what it brings in can change without review"
            )
            yield Violation(
                None,
                defect.path,
                f"{defect.detail} is not a file of this repository: {why}, so the overlay is not "
                "built",
                fix=defect.hint or (PINNED_FIX if pinned else FIX),
                source=defect.position,
                key=defect.detail,
            )


RULE = Rule(
    id="RE006",
    name="remote-base",
    severity=Severity.ERROR,
    summary="A kustomization brings in something from outside the repository.",
    fix=FIX,
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
