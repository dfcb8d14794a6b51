"""A manifest that no kustomization reaches.

What it checks
    Every file with Kubernetes objects below the folders of the sources, for a `kustomization.yaml`
    that names it as resource, patch or component, be it of an environment or not.

    ```yaml
    # policies/boards/kustomization.yaml
    resources:
      - peerauthentication.yaml
      # destinationrule.yaml lies beside it, and nothing renders it
    ```

Why it matters
    The file looks like policy, is reviewed like policy, and takes effect nowhere. A STRICT that
    was never rendered is the quietest way to be PERMISSIVE.

How to fix
    Name the file in the kustomization beside it, or delete it. What is applied by hand, on purpose,
    is waived by its path, a file or a folder, in `waivers/<environment>.yaml`:

    ```yaml
    waivers:
      - rule: RE003
        path: policies/boards/runbook-job.yaml
        owner: boards
        reason: applied by hand, see the runbook
        expires: 2027-01-31
    ```

Known gaps
    It is a warning, and never keeps an environment from being judged. Files without Kubernetes
    objects, such as values of other tools, are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "orphan-file":
            yield Violation(
                None,
                defect.path,
                "no kustomization reaches this file: what it says takes effect nowhere",
                fix="name it under resources: or patches: in the kustomization beside it, "
                "or delete it",
                source=defect.position,
            )


RULE = Rule(
    id="RE003",
    name="orphan-file",
    severity=Severity.WARNING,
    summary="A manifest that no kustomization reaches takes effect nowhere.",
    fix="name the file in a kustomization, or delete it",
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
