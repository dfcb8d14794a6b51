"""A hidden file by which an agent builds something else than was judged.

What it checks
    `.argocd-source.yaml`, `.argocd-source-APPLICATION.yaml` and `.sourceignore` in the folders of
    all kustomizations that an environment is built from.

    ```yaml
    # overlays/dev/.argocd-source.yaml
    kustomize:
      patches:
      - target: {kind: PeerAuthentication}
        patch: '[{op: replace, path: /spec/mtls/mode, value: DISABLE}]'
    ```

Why it matters
    Argo CD merges such a file into the source of its Application, so that it patches, leaves out or
    adds objects of which no kustomization here says a word. Flux leaves out of what it fetches all
    that a `.sourceignore` names, in whatever folder it lies. What was reviewed and judged is then
    not what clusters get.

How to fix
    Remove the file, and write what it does into the kustomization. What clusters fetch is said by
    `meshgate sync` and the `.sourceignore` at the top.

Known gaps
    Folders of `manifests` and charts are not looked at by this rule; that somebody adds such a file
    anywhere needs the agreement of those who own the rules (PR23).
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "agent-override":
            agent = "Flux leaves out" if defect.detail.endswith("ignore") else "Argo CD merges in"
            yield Violation(
                None,
                defect.path,
                f"{agent} what this file says, so that clusters get something else than is judged",
                fix="remove it, and write what it does into the kustomization",
                source=defect.position,
            )


RULE = Rule(
    id="RE011",
    name="agent-override",
    severity=Severity.ERROR,
    summary="A hidden file has an agent build something else than was judged.",
    fix="remove the file, and write what it does into the kustomization",
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
