"""Who may call a workload: AuthorizationPolicies and RequestAuthentications, not read yet.

This is the seam for the model of authorization: where it answers for a server and a client, its
answer replaces the covers of AuthorizationPolicy and RequestAuthentication, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh.catalog import Catalog
from meshgate.mesh.coverage import ISTIO_SECURITY
from meshgate.mesh.covers import PROXIES, Cover, End, Say
from meshgate.mesh.terms import DataPlane
from meshgate.mesh.unread.attachment import attachments
from meshgate.model import MeshFacts, Resource

_SERVER = frozenset({End.SERVER})
_BY_ANY = PROXIES | {DataPlane.AMBIENT}
# strconv.ParseBool
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_DRY_RUN = "istio.io/dry-run"
_WHO = "decides who may call it, and is not read"
_TOKENS = "refuses some tokens, and is not read"


def covers(catalog: Catalog, facts: MeshFacts) -> Iterator[Cover]:
    """What the policies of authorization cover (ListAuthorizationPolicies, ShouldAttachPolicy)."""
    root = facts.root_namespace
    for policy in catalog.of_group(ISTIO_SECURITY, "AuthorizationPolicy"):
        if is_enforced(policy):
            # ztunnel is sent neither CUSTOM policies nor those with an empty selector.
            by_ztunnel = policy.spec.get("action") != "CUSTOM" and policy.spec.get("selector") != {}
            yield from _covers(policy, root, _WHO, _BY_ANY if by_ztunnel else PROXIES)
    for policy in catalog.of_group(ISTIO_SECURITY, "RequestAuthentication"):
        if policy.spec.get("jwtRules"):
            yield from _covers(policy, root, _TOKENS, PROXIES)


def is_enforced(policy: Resource) -> bool:
    """Whether an AuthorizationPolicy decides anything: AUDIT and dry-run policies only log."""
    dry_run = str(policy.annotations.get(_DRY_RUN)) in _TRUE
    return not dry_run and policy.spec.get("action") != "AUDIT"


def _covers(
    policy: Resource, root: str, about: str, planes: frozenset[DataPlane]
) -> Iterator[Cover]:
    for place in attachments(policy, root, "selector.matchLabels"):
        own = PROXIES if place.by_name else planes
        yield Cover(policy, about, _SERVER, Say.REFUSE, place.namespace, place.labels, own)
