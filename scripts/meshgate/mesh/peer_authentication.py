"""PeerAuthentications by the slot they compete for: mesh, namespace, workload."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshgate.mesh import selectors
from meshgate.mesh.catalog import Catalog, namespace_of
from meshgate.mesh.selectors import Labels
from meshgate.mesh.terms import Mode
from meshgate.model import JSON, Resource


class PeerPolicy(Struct, frozen=True, eq=False):
    """A PeerAuthentication, read as Istio reads it. `mode` None is UNSET: it inherits."""

    resource: Resource
    namespace: str
    name: str
    created: str
    # Empty also where `selector: {}` stands: Istio takes both as no selector.
    selector: Labels
    # Whether `selector` stands there at all; ambient takes `{}` for a selector.
    has_selector: bool
    mode: Mode | None
    ports: dict[int, Mode | None]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class PeerPolicies:
    """All PeerAuthentications of one mesh, in their slots (AuthenticationPolicies)."""

    __slots__ = (
        "all",
        "ignored",
        "mesh",
        "namespaces",
        "repeated",
        "root",
        "workloads",
    )

    def __init__(self, catalog: Catalog, root: str) -> None:
        self.root = root
        self.all: dict[int, PeerPolicy] = {}
        # Those without selector in the root namespace.
        self.mesh: list[PeerPolicy] = []
        # Those without selector, by namespace.
        self.namespaces: dict[str, list[PeerPolicy]] = {}
        # Those with selector, by namespace.
        self.workloads: dict[str, list[PeerPolicy]] = {}
        # Those with selector in the root namespace: Istio ignores them for everybody.
        self.ignored: list[PeerPolicy] = []
        for resource in catalog.of("PeerAuthentication"):
            policy = peer_policy(resource, catalog.created(resource))
            self.all[id(resource)] = policy
            self._slot(policy).append(policy)
        # Further copies of policies: in no slot.
        self.repeated = [
            peer_policy(resource, catalog.created(resource))
            for resource in catalog.repeated
            if resource.kind == "PeerAuthentication"
        ]

    def selecting(self, namespace: str, own: Labels) -> Sequence[PeerPolicy]:
        """The policies with a selector that select these labels."""
        return [
            policy
            for policy in self.workloads.get(namespace, ())
            if selectors.matches(policy.selector, own)
        ]

    def _slot(self, policy: PeerPolicy) -> list[PeerPolicy]:
        if policy.selector:
            if policy.namespace == self.root:
                return self.ignored
            return self.workloads.setdefault(policy.namespace, [])
        if policy.namespace == self.root:
            return self.mesh
        return self.namespaces.setdefault(policy.namespace, [])


def peer_policy(resource: Resource, created: str) -> PeerPolicy:
    """The policy that a PeerAuthentication states."""
    spec = resource.spec
    selector = spec.get("selector")
    ports: JSON = spec.get("portLevelMtls")
    return PeerPolicy(
        resource=resource,
        namespace=namespace_of(resource),
        name=resource.name,
        created=created,
        selector=selectors.labels(selector.get("matchLabels"))
        if isinstance(selector, dict)
        else {},
        has_selector=selector is not None,
        mode=_mode(spec.get("mtls")),
        ports={
            int(port): _mode(mtls)
            for port, mtls in (ports if isinstance(ports, dict) else {}).items()
            if str(port).isdigit()
        },
    )


def _mode(mtls: JSON) -> Mode | None:
    mode = str(mtls.get("mode") or "") if isinstance(mtls, dict) else ""
    return Mode(mode) if mode in Mode.__members__ else None
