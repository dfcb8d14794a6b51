"""An apiVersion that the environment's Istio does not serve.

What it checks
    The apiVersion and kind of every object, against what the CRDs of `mesh.istio` serve (for
    Kubernetes, Argo CD and Flux kinds: against the versions that meshgate carries).

    ```yaml
    apiVersion: security.istio.io/v1alpha1    # never served for this kind
    kind: PeerAuthentication
    ```

Why it matters
    The API server answers "no matches for kind", and nothing of it reaches the mesh: the policy in
    force is the one before. A slip in the group (`networking.itsio.io`) has the same end.

How to fix
    Write the version that the message names first. If the cluster does run an Istio that serves
    it, correct `mesh.istio` of the environment.

Known gaps
    A kind of another vendor that shares its name with one of Istio's is left alone. The Kubernetes
    version of the cluster is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.refused import refused
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    return refused(context, "SH007")


RULE = Rule(
    id="SH007",
    name="unserved-version",
    severity=Severity.ERROR,
    summary="The environment's Istio does not serve this apiVersion.",
    fix="write an apiVersion that is served",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
