"""Which packets pass: the NetworkPolicies of Kubernetes, Cilium and Calico, not read yet.

This is the seam for the model of NetworkPolicy: its answer replaces the covers of the kind
`NetworkPolicy` of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import KUBERNETES_NETWORKING
from meshgate.mesh.covers import Cover, End, Pod, Say
from meshgate.model import JSON, MeshFacts, Resource

_ABOUT = {
    End.SERVER: "decides which packets reach it, and is not read",
    End.CLIENT: "decides whom it may call, and is not read",
}


def covers(catalog: Catalog, facts: MeshFacts) -> Iterator[Cover]:
    """What NetworkPolicies cover; nothing where the network plugin ignores them."""
    if facts.network_policies == "enforced":
        for policy in catalog.of_group(KUBERNETES_NETWORKING, "NetworkPolicy"):
            yield from _kubernetes(policy)


def cover(policy: Resource, end: End, namespace: str, selector: JSON) -> Cover:
    """The pods that a Kubernetes label selector selects, at one end of calls."""
    own = selectors.labels(selector.get("matchLabels")) if isinstance(selector, dict) else {}

    def selects(pod: Pod) -> bool:
        return not selector or selectors.matches_expression(selector, pod.labels)

    return Cover(
        policy,
        _ABOUT[end],
        frozenset({end}),
        Say.REFUSE,
        namespace,
        own,
        selects=selects,
        by_proxy=False,
    )


def _kubernetes(policy: Resource) -> Iterator[Cover]:
    """The pods that a policy isolates, in each direction of `policyTypes`.

    By default that is Ingress, and Egress where there are egress rules
    (NetworkPolicySpec.PolicyTypes).
    """
    spec = policy.spec
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for end, name in ((End.SERVER, "Ingress"), (End.CLIENT, "Egress")):
        if name in types:
            yield cover(policy, end, namespace_of(policy), spec.get("podSelector"))
