"""Which packets pass: policies of the cluster, of Cilium and of Calico, which are not read.

Selectors are matched as far as files tell; a term that they do not tell (a service account, a
label that the plugin sets) counts as fulfilled. Of Kubernetes' own NetworkPolicies only those are
here that the API server refuses: what a cluster has in their place is not known.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

from msgspec import structs

from meshgate.mesh import selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.coverage import (
    CALICO,
    CALICO_CRD,
    CILIUM,
    CLUSTER_NETWORK_POLICY,
)
from meshgate.mesh.covers import EVERYWHERE, Cover, End, Influence, Pod
from meshgate.mesh.network_policies.reading import invalid_policies
from meshgate.mesh.selectors import Labels
from meshgate.model import JSON, JSONObject, MeshFacts, Resource

_ABOUT = {
    End.SERVER: "decides which packets reach it, and is not read",
    End.CLIENT: "decides whom it may call, and is not read",
}
_NAME = "kubernetes.io/metadata.name"
# Labels of Cilium that pods do not carry themselves.
_CILIUM_NAMESPACE = "io.kubernetes.pod.namespace"
_CILIUM_OWN = ("io.cilium.", "io.kubernetes.")
_CALICO_OWN = "projectcalico.org/"
_TERM = re.compile(
    r"""\s*(?:all\(\)|has\((?P<has>[\w./-]+)\)|(?P<key>[\w./-]+)\s*==\s*(['"])(?P<value>[^'"]*)\3)\s*"""
)


def covers(catalog: Catalog, facts: MeshFacts) -> Iterator[Cover]:
    """What network policies cover; those of Kubernetes nothing, where the plugin ignores them."""
    if facts.network_policies == "enforced":
        for policy, why in invalid_policies(catalog):
            yield from _invalid(policy, why)
    for policy in catalog.of_group(
        CLUSTER_NETWORK_POLICY,
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy",
    ):
        yield from _of_the_cluster(policy, catalog)
    for policy in catalog.of_group(CILIUM, "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"):
        yield from _cilium(policy)
    for group in (CALICO, CALICO_CRD):
        for policy in catalog.of_group(group, "NetworkPolicy", "GlobalNetworkPolicy"):
            yield from _calico(policy)


def _cover(
    policy: Resource,
    end: End,
    namespace: str,
    selects: Callable[[Pod], bool],
    labels: Labels | None = None,
) -> Cover:
    return Cover(
        policy,
        _ABOUT[end],
        frozenset({end}),
        Influence.REFUSE,
        namespace,
        labels or {},
        selects=selects,
        by_proxy=False,
    )


def _invalid(policy: Resource, why: str) -> Iterator[Cover]:
    """The pods of the namespace that a policy may select: what it should allow is not known."""
    selector: JSON = policy.spec.get("podSelector")
    labels = selectors.labels(selector.get("matchLabels")) if isinstance(selector, dict) else {}
    for end in (End.SERVER, End.CLIENT):
        yield structs.replace(
            _cover(policy, end, namespace_of(policy), lambda _pod: True, labels),
            about=f"decides which packets pass, and is not valid: {why}",
        )


def _of_the_cluster(policy: Resource, catalog: Catalog) -> Iterator[Cover]:
    """The pods of a policy's `subject` (AdminNetworkPolicySubject)."""
    subject = policy.spec.get("subject")
    if not isinstance(subject, dict):
        return
    pods = subject.get("pods")
    places: JSON = pods.get("namespaceSelector") if isinstance(pods, dict) else None
    if not isinstance(pods, dict):
        places = subject.get("namespaces")

    def selects(pod: Pod) -> bool:
        known = catalog.namespaces.get(pod.namespace)
        if known is not None and not _selects(places, {_NAME: pod.namespace, **known.labels}):
            return False
        return not isinstance(pods, dict) or _selects(pods.get("podSelector"), pod.labels)

    for end, name in ((End.SERVER, "ingress"), (End.CLIENT, "egress")):
        if policy.spec.get(name):
            yield _cover(policy, end, EVERYWHERE, selects)


def _cilium(policy: Resource) -> Iterator[Cover]:
    """The pods that the rules of a policy select; a section of a direction isolates them there."""
    listed: JSON = policy.value.get("specs")
    for spec in (policy.spec, *(listed if isinstance(listed, list) else ())):
        if not isinstance(spec, dict):
            continue
        selector: JSON = spec.get("endpointSelector")
        of_nodes = isinstance(spec.get("nodeSelector"), dict)

        def selects(pod: Pod, selector: JSON = selector, of_nodes: bool = of_nodes) -> bool:
            return pod.on_host if of_nodes else _selects_endpoint(selector, pod)

        for end, name in ((End.SERVER, "ingress"), (End.CLIENT, "egress")):
            if name in spec or f"{name}Deny" in spec:
                yield _cover(policy, end, namespace_of(policy), selects)


def _selects_endpoint(selector: JSON, pod: Pod) -> bool:
    """Whether a selector of Cilium selects a pod; keys may begin with where labels come from."""
    if not isinstance(selector, dict):
        return True
    own = {**pod.labels, _CILIUM_NAMESPACE: pod.namespace}
    labels = {}
    for key, value in selectors.labels(selector.get("matchLabels")).items():
        if (plain := _cilium_key(key)) is not None:
            labels[plain] = value
    terms: list[JSONObject] = []
    listed: JSON = selector.get("matchExpressions")
    for term in listed if isinstance(listed, list) else ():
        plain = _cilium_key(str(term.get("key"))) if isinstance(term, dict) else None
        if plain is not None:
            terms.append({**term, "key": plain})
    return selectors.matches_expression({"matchLabels": labels, "matchExpressions": terms}, own)


def _cilium_key(key: str) -> str | None:
    """The label of a pod that a key means; None: files do not tell it."""
    source, colon, rest = key.partition(":")
    if colon and source not in {"k8s", "any"}:
        return None
    plain = rest if colon else key
    if plain != _CILIUM_NAMESPACE and plain.startswith(_CILIUM_OWN):
        return None
    return plain


def _calico(policy: Resource) -> Iterator[Cover]:
    """The pods that a policy's selector expression selects.

    Without `types` it is for what comes in, unless there are egress rules alone.
    """
    spec = policy.spec
    types = spec.get("types")
    if not types:
        has_ingress, has_egress = "ingress" in spec, "egress" in spec
        types = ["Ingress"] * (has_ingress or not has_egress) + ["Egress"] * has_egress
    terms = list(_calico_terms(str(spec.get("selector") or "")))

    def selects(pod: Pod) -> bool:
        return all(term(pod.labels) for term in terms)

    namespace = namespace_of(policy)
    for end, name in ((End.SERVER, "Ingress"), (End.CLIENT, "Egress")):
        if name in types:
            yield _cover(policy, end, namespace, selects)


def _calico_terms(expression: str) -> Iterator[Callable[[Labels], bool]]:
    """The terms of a conjunction that pods must fulfil; of anything else none, so all pods do."""
    if "||" in expression:
        return
    for text in expression.split("&&"):
        match = _TERM.fullmatch(text)
        key = match and (match["has"] or match["key"])
        if match is None or not key or key.startswith(_CALICO_OWN):
            continue
        yield functools.partial(_fulfils, key, match["value"])


def _fulfils(key: str, value: str | None, own: Labels) -> bool:
    """Whether labels have a key, with a value where one is asked for."""
    return key in own if value is None else own.get(key) == value


def _selects(selector: JSON, own: Labels) -> bool:
    return not selector or selectors.matches_expression(selector, own)
