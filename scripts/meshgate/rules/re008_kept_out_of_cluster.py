"""Metadata that keeps an object out of the cluster, deletes it there, or makes it anew.

What it checks
    The metadata of every rendered object, and of mesh objects in files. Allowed are name,
    namespace, labels and annotations; of the annotations and labels that Argo CD, Flux and Helm
    read, those that let the object be applied as it was reviewed. Everything else is reported with
    what follows: hooks, `Replace` and `Force`, foreign tracking ids, `reconcile: disabled`, `ssa`,
    `compare-options`, and fields that an API server sets.

    ```yaml
    metadata:
      name: default
      namespace: istio-system
      annotations:
        argocd.argoproj.io/hook: PreSync                      # gone at each sync, for a moment
        argocd.argoproj.io/sync-options: Replace=true,Force=true
    ```

Why it matters
    What was reviewed and what holds are two things then. A hook is deleted and made anew at each
    sync: STRICT is gone in between, and its age is new, which decides between policies of one
    scope. With `reconcile: disabled` the policy is in git and nowhere else.

    On the agents themselves (`nox -s e2e`) this was seen, each beside an object without the mark,
    of which it was not. What else the rule names is from the agents' documentation and code.

    - Argo CD 3.5: a change in git never arrives
      - `argocd.argoproj.io/hook: Skip`
    - Argo CD 3.5: deleted though it is in git
      - `argocd.argoproj.io/hook: PostDelete`
    - Argo CD 3.5: another uid after each sync
      - `argocd.argoproj.io/hook: PreSync`
      - `helm.sh/hook: pre-install`
      - `argocd.argoproj.io/sync-options: Replace=true,Force=true`
    - Argo CD 3.5: still there after its removal from git
      - `argocd.argoproj.io/sync-options: Prune=false`
      - `argocd.argoproj.io/hook: PreSync`
      - `helm.sh/hook: pre-install`
      - `finalizers: [example.com/mine]`
    - Argo CD 3.5: no other than without it: removed from git, it is pruned
      - `helm.sh/resource-policy: keep`
    - Argo CD 3.5: its removal from git starts no sync, and it stays until another change does
      - `argocd.argoproj.io/compare-options: IgnoreExtraneous`
    - Flux 2 (kustomize-controller 1.9): a change in git never arrives
      - `kustomize.toolkit.fluxcd.io/reconcile: disabled`
      - `kustomize.toolkit.fluxcd.io/ssa: Ignore`
      - `kustomize.toolkit.fluxcd.io/ssa: IfNotPresent`
    - Flux 2 (kustomize-controller 1.9): a field added by hand is not undone
      - `kustomize.toolkit.fluxcd.io/ssa: Merge`
    - Flux 2 (kustomize-controller 1.9): still there after its removal from git
      - `kustomize.toolkit.fluxcd.io/prune: disabled`
      - `finalizers: [example.com/mine]`
    - Flux 2 (kustomize-controller 1.9): deleted though it is in git
      - `config.kubernetes.io/local-config: true`

How to fix
    Remove the field or annotation. Allowed are, for instance, `Prune=confirm`, sync waves, and
    `kustomize.toolkit.fluxcd.io/prune: disabled` on the defaults of a namespace or of the mesh.

Known gaps
    What an Application or a Kustomization of an agent says for all of its objects is not looked at;
    `meshgate sync` writes those. Other objects that are not pruned are a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Resource, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.sync_metadata import metadata_faults

MESH_DOMAIN = ".istio.io"


def check(context: Context) -> Iterator[Violation]:
    rendered = bool(context.environment.sources)
    for resource in context.rendered:
        if resource.foreign or not (rendered or resource.group.endswith(MESH_DOMAIN)):
            continue
        live = not rendered and is_live(resource)
        for fault in metadata_faults(resource, live=live):
            yield Violation(
                resource,
                fault.path,
                fault.message,
                fix=f"remove {fault.path}",
                severity=fault.severity,
                key=fault.message,
            )


def is_live(resource: Resource) -> bool:
    """Whether an object was read from a cluster: the API server has put its marks on it."""
    return bool(resource.metadata.get("uid") and resource.metadata.get("resourceVersion"))


RULE = Rule(
    id="RE008",
    name="kept-out-of-cluster",
    severity=Severity.ERROR,
    summary="Metadata keeps an object out of the cluster, deletes it there, or makes it anew.",
    fix="remove the field or annotation",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset(),
    check=check,
)
