"""Where policies are enforced, and which of them apply there."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from meshgate.mesh.authorization.attributes import SPACE_DELIMITED_CLAIMS, TokenIssuers
from meshgate.mesh.authorization.policies import (
    Attachment,
    AuthorizationPolicy,
    RequestAuthentication,
    TargetRef,
    attachment_of,
)
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.covers import named
from meshgate.mesh.revisions import LabelledObject, Revisions
from meshgate.mesh.selectors import Labels

KINDS = "AuthorizationPolicy", "RequestAuthentication"
_GATEWAY_API = "gateway.networking.k8s.io"
_ISTIO = "networking.istio.io"
_WAYPOINT_CLASS = "istio-waypoint"


class Enforcer(enum.StrEnum):
    """What enforces policies for a server. `NONE`: nothing does, so that every call passes."""

    SIDECAR = "sidecar"
    GATEWAY = "gateway"
    ZTUNNEL = "ztunnel"
    WAYPOINT = "waypoint"
    NONE = "none"


class ServiceName(Struct, frozen=True):
    """A Service or ServiceEntry for which a waypoint judges a call."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Server:
    """What policies are matched with: the pods that enforce, or whose ztunnel does.

    gateway   name of the Gateway of the Gateway API whose proxy this is; empty: it is none
    services  what a waypoint judges a call for
    revision  what its labels say of its control plane; empty: it is the one that is modelled
    """

    namespace: str
    labels: Labels
    enforcer: Enforcer
    gateway: str = ""
    services: tuple[ServiceName, ...] = ()
    revision: str = ""

    # What is equal for two servers to which the same policies apply.
    key: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        labels = frozenset(self.labels.items())
        key = self.namespace, labels, self.enforcer, self.gateway, self.services, self.revision
        object.__setattr__(self, "key", key)


class Applied(Struct, frozen=True):
    """What applies to one server, policies in the order of namespace and name.

    `undecided` says why it is not certain; empty: it is.
    """

    policies: tuple[AuthorizationPolicy, ...]
    authentications: tuple[RequestAuthentication, ...] = ()
    undecided: str = ""

    @property
    def issuers(self) -> TokenIssuers:
        """The tokens that are verified."""
        return TokenIssuers(
            frozenset().union(*(policy.issuers for policy in self.authentications)),
            tuple(own for policy in self.authentications for own in policy.split),
        )


class PolicyIndex:
    """All policies of a mesh by namespace (AuthorizationPolicies.ListAuthorizationPolicies)."""

    __slots__ = ("_authentications", "_by_server", "_labelled", "_policies", "_revisions", "root")

    def __init__(
        self,
        policies: Iterable[AuthorizationPolicy],
        authentications: Iterable[RequestAuthentication],
        root: str,
        revisions: Revisions | None = None,
    ) -> None:
        self.root = root
        # The objects that are for one revision, those of another one too.
        self._revisions = revisions
        self._labelled = [
            (each, attachment_of(each.resource), namespace_of(each.resource))
            for each in (revisions.of(*KINDS) if revisions is not None else ())
        ]
        self._policies: dict[str, list[AuthorizationPolicy]] = {}
        self._authentications: dict[str, list[RequestAuthentication]] = {}
        self._by_server: dict[tuple[object, ...], Applied] = {}
        for policy in sorted(policies, key=lambda policy: (policy.namespace, policy.name)):
            self._policies.setdefault(policy.namespace, []).append(policy)
        for authentication in sorted(authentications, key=lambda item: (item.namespace, item.name)):
            namespace = authentication.namespace
            self._authentications.setdefault(namespace, []).append(authentication)

    @property
    def is_empty(self) -> bool:
        """Whether there is no policy of either kind."""
        return not (self._policies or self._authentications or self._labelled)

    def applied(self, server: Server) -> Applied:
        """What applies to a server."""
        key = server.key
        if key not in self._by_server:
            self._by_server[key] = self._select(server)
        return self._by_server[key]

    def _select(self, server: Server) -> Applied:
        if server.enforcer is Enforcer.NONE:
            return Applied(())
        namespaces = self._namespaces(server)
        policies = [
            policy
            for namespace in namespaces
            for policy in self._policies.get(namespace, ())
            if self._attaches(policy.attachment, namespace, server)
        ]
        authentications = [
            authentication
            for namespace in namespaces
            for authentication in self._authentications.get(namespace, ())
            if server.enforcer is not Enforcer.ZTUNNEL
            and self._attaches(authentication.attachment, namespace, server)
        ]
        undecided = (
            next(_undecided(policies, authentications), "")
            or self._doubt(server)
            or next(map(self._reason, self.of_revisions(server)), "")
        )
        return Applied(tuple(policies), tuple(authentications), undecided)

    def _namespaces(self, server: Server) -> Sequence[str]:
        services = (service.namespace for service in server.services)
        return sorted({server.namespace, self.root, *services})

    def _attaches(self, attachment: Attachment, namespace: str, server: Server) -> bool:
        """Whether an object of a namespace applies to a server (ShouldAttachPolicy)."""
        if attachment.targets:
            return any(self._is_target(ref, namespace, server) for ref in attachment.targets)
        if server.enforcer is Enforcer.WAYPOINT or namespace not in {server.namespace, self.root}:
            return False
        if server.enforcer is Enforcer.ZTUNNEL and attachment.selector == {}:
            # Attached by selector, and no workload has the selector's (no) labels.
            return False
        return attachment.selects(server.labels)

    def _is_target(self, ref: TargetRef, namespace: str, server: Server) -> bool:
        if server.enforcer not in {Enforcer.GATEWAY, Enforcer.WAYPOINT} or not server.gateway:
            return False
        match ref.group, ref.kind:
            case (group, "Gateway") if group == _GATEWAY_API:
                return namespace == server.namespace and ref.name == server.gateway
            case (group, "GatewayClass") if group == _GATEWAY_API:
                return (
                    server.enforcer is Enforcer.WAYPOINT
                    and namespace == self.root
                    and ref.name == _WAYPOINT_CLASS
                )
            case (("" | "core"), "Service"):
                return ServiceName("Service", namespace, ref.name) in server.services
            case (group, "ServiceEntry") if group == _ISTIO:
                return ServiceName("ServiceEntry", namespace, ref.name) in server.services
            case _:
                return False

    def of_revisions(self, server: Server) -> Iterator[LabelledObject]:
        """The objects of one revision of which it is not known whether the server gets them."""
        if self._revisions is None or not self._revisions.is_open(server.revision):
            return
        namespaces = self._namespaces(server)
        for each, attachment, namespace in self._labelled:
            if (
                namespace in namespaces
                and (server.enforcer is not Enforcer.ZTUNNEL or each.resource.kind == KINDS[0])
                and self._attaches(attachment, namespace, server)
            ):
                yield each

    def _reason(self, each: LabelledObject) -> str:
        assert self._revisions is not None
        return f"{named(each.resource)} {each.about(self._revisions.stated)}"

    def _doubt(self, server: Server) -> str:
        """Why attachment at ztunnel is not certain: `matchLabels: {}` may or may not be kept."""
        if server.enforcer is not Enforcer.ZTUNNEL:
            return ""
        for namespace in self._namespaces(server):
            for policy in self._policies.get(namespace, ()):
                attachment = policy.attachment
                if attachment.selector == {} and not attachment.labels_unset:
                    return f"{policy} has empty matchLabels, which ztunnel may take either way"
        return ""


def _undecided(
    policies: Sequence[AuthorizationPolicy], authentications: Sequence[RequestAuthentication]
) -> Iterator[str]:
    for policy in policies:
        if policy.fault:
            yield f"AuthorizationPolicy {policy} cannot be read: {policy.fault}"
    for authentication in authentications:
        if authentication.any_issuer:
            yield f"RequestAuthentication {authentication} takes tokens of any issuer"
    keys = {item.key for policy in policies for rule in policy.rules for item in rule.conditions}
    for issuer, claim in _split_by_some(authentications):
        if any(key.startswith(f"request.auth.claims[{claim}]") for key in keys):
            yield (
                f"one rule for tokens of {issuer} splits their claim {claim} at spaces, and "
                "another does not: which one Envoy goes by is not known"
            )


def _split_by_some(authentications: Sequence[RequestAuthentication]) -> Iterator[tuple[str, str]]:
    """The issuers and claims that some token rules for an issuer split, and others do not.

    jwt_authn asks all providers of an issuer, and what each of them writes takes the place of what
    another wrote.
    """
    by_issuer: dict[str, list[frozenset[str]]] = {}
    for authentication in authentications:
        for own in authentication.split:
            by_issuer.setdefault(own.issuer, []).append(own.claims - SPACE_DELIMITED_CLAIMS)
    for issuer, several in by_issuer.items():
        for claim in sorted(
            frozenset().union(*several).difference(frozenset.intersection(*several))
        ):
            yield issuer, claim
