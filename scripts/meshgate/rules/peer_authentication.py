"""PeerAuthentications as istiod groups them: what each stands for, and which may decide.

Read from addPeerAuthentication and getConfigsForWorkload (pilot/pkg/model/authentication.go) and
ComposePeerAuthentication (pilot/pkg/security/authn/policy_applier.go).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from meshgate.mesh import DataPlane, Mesh, injection
from meshgate.mesh.catalog import Catalog, control_planes, revision_of
from meshgate.mesh.order import possible_oldest
from meshgate.mesh.peer_authentication import PeerPolicies, PeerPolicy
from meshgate.model import MeshFacts, Resource, ResourceIndex
from meshgate.rules.context import Context, visible_facts

KIND = "PeerAuthentication"
WEAKEST_FIRST = ("DISABLE", "PERMISSIVE", "STRICT")
UNSET = "UNSET"
# What a server does where no policy sets a mode.
DEFAULT_MODE = "PERMISSIVE"

ACCEPTS = {
    "DISABLE": "accepts only plaintext, and a caller that sends Istio mTLS fails",
    "PERMISSIVE": "accepts plaintext from anyone, beside mTLS",
    "STRICT": "accepts only mTLS",
}


class PolicyScope(Struct, frozen=True):
    """What a policy is for: the pods of a namespace that carry all of these labels.

    The namespace is None for the mesh as a whole.
    """

    namespace: str | None
    labels: frozenset[tuple[str, str]] = frozenset()

    @property
    def order(self) -> tuple[str, int, list[tuple[str, str]]]:
        """Sorts wider scopes before those within them."""
        return self.namespace or "", len(self.labels), sorted(self.labels)

    def __str__(self) -> str:
        if self.namespace is None:
            return "the mesh"
        if not self.labels:
            return f"namespace {self.namespace}"
        return f"workloads of {self.namespace} with {labels_text(self.labels)}"


MESH = PolicyScope(None)


def labels_text(labels: Iterable[tuple[str, str]]) -> str:
    """Labels as kubectl takes them: `app=boards,version=v1`."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels))


def own_mode(policy: PeerPolicy) -> str:
    """The mode a policy sets itself; UNSET where it leaves that to a wider one."""
    return policy.mode or UNSET


def port_modes(policy: PeerPolicy) -> dict[str, str]:
    """The mode of each container port that a policy lists; UNSET where the port has none."""
    return {str(port): mode or UNSET for port, mode in policy.ports.items()}


def mode_path(policy: Resource) -> str:
    """The path that says the mode, or the deepest one above it that is there."""
    if "spec" not in policy.value:
        return "metadata.name"
    mtls = policy.spec.get("mtls")
    if not isinstance(mtls, dict):
        return "spec"
    return "spec.mtls.mode" if "mode" in mtls else "spec.mtls"


def port_path(policy: Resource, port: int | None) -> str:
    """The path that says the mode of a port: its entry, or the mode of the whole policy."""
    entry = (policy.spec.get("portLevelMtls") or {}).get(str(port)) or {}
    return f"spec.portLevelMtls.{port}.mode" if entry.get("mode") else mode_path(policy)


def once(floor: str) -> str:
    """The condition under which a mode is made stronger without shutting anybody out."""
    return " once no client sends plaintext" if floor == "STRICT" else ""


def is_weaker(mode: str, floor: str) -> bool:
    """Whether a mode lets in what the floor keeps out."""
    return WEAKEST_FIRST.index(mode) < WEAKEST_FIRST.index(floor)


def is_mesh_wide(policy: PeerPolicy, facts: MeshFacts) -> bool:
    """Whether a policy holds for every namespace.

    In ambient only an absent selector does (fetchPeerAuthentications); beside sidecars,
    `selector: {}` does too.
    """
    if policy.namespace != facts.root_namespace or policy.selector:
        return False
    return facts.data_plane != "ambient" or not policy.has_selector


def is_ignored(policy: PeerPolicy, facts: MeshFacts) -> bool:
    """Whether istiod uses a policy for nothing: it selects workloads from the root namespace."""
    return policy.namespace == facts.root_namespace and bool(policy.selector)


def effective(mode: str, *, ambient: bool) -> str:
    """What a mode does: ambient has no DISABLE, ztunnel takes mTLS beside plaintext."""
    return "PERMISSIVE" if mode == "DISABLE" and ambient else mode


def is_ambient(context: Context, scope: PolicyScope) -> bool:
    """Whether ztunnel enforces what a policy says of its scope.

    Labels of namespaces and pods decide, as they do for the webhook and the node agent; what the
    mesh is declared to be decides only where the inventory has no workload in a proxy of the mesh.
    """
    declared = context.environment.mesh.data_plane == "ambient"
    mesh = context.mesh
    if mesh is None:
        return declared
    if scope.namespace is not None:
        governed = mesh.selected(scope.namespace, dict(scope.labels))
    else:
        governed = mesh.workloads
    planes_ = {each.plane for each in governed} & {DataPlane.SIDECAR, DataPlane.AMBIENT}
    if planes_:
        return planes_ == {DataPlane.AMBIENT}
    known = mesh.namespaces.get(scope.namespace or "")
    if known is not None and known.labels.get(injection.DATA_PLANE_MODE) == "ambient":
        return True
    return declared


class ControlPlanePolicies:
    """The PeerAuthentications that one control plane reads, by scope."""

    def __init__(self, policies: PeerPolicies, facts: MeshFacts) -> None:
        # Of the control plane, where some policy is labelled for it.
        self.revision = next(
            filter(None, (revision_of(each.resource) for each in policies.all.values())), ""
        )
        self.by_resource = {id(policy.resource): policy for policy in policies.all.values()}
        # The policies written for exactly this scope.
        self.scopes: dict[PolicyScope, list[PeerPolicy]] = {MESH: []}
        self._labels: dict[str | None, set[frozenset[tuple[str, str]]]] = {}
        for policy in policies.all.values():
            if not is_ignored(policy, facts):
                scope = scope_of(policy, facts)
                self.scopes.setdefault(scope, []).append(policy)
                self._labels.setdefault(scope.namespace, set()).add(scope.labels)
        # What is reported must not depend on the order of documents.
        self.scopes = dict(sorted(self.scopes.items(), key=lambda item: item[0].order))
        # The scopes of workload policies that match every pod of this one, and more.
        self.wider = {scope: list(self._wider(scope)) for scope in self.scopes}
        # The policies of a scope that istiod may use for it: it uses the oldest of its rivals.
        self.deciding = {scope: self._deciding(scope) for scope in self.scopes}

    def rivals(self, scope: PolicyScope) -> list[PeerPolicy]:
        """The policies of which istiod uses one for a scope, the oldest."""
        wider = [policy for other in self.wider[scope] for policy in self.scopes[other]]
        return [*wider, *self.scopes[scope]]

    def above(self, scope: PolicyScope) -> PolicyScope | None:
        """The scope that UNSET inherits from; None where no policy stands behind this one."""
        chain = [PolicyScope(scope.namespace)] if scope.labels else []
        return next((s for s in [*chain, MESH] if s != scope and self.scopes.get(s)), None)

    def inherited(self, scope: PolicyScope) -> list[str]:
        """The modes that UNSET may stand for in a scope, weakest first."""
        above = self.above(scope)
        if above is None:
            return [DEFAULT_MODE]
        modes = {own_mode(policy) for policy in self.deciding[above]}
        if UNSET in modes:
            modes = modes - {UNSET} | set(self.inherited(above))
        return sorted(modes, key=WEAKEST_FIRST.index)

    def outcome(self, scope: PolicyScope, policy: PeerPolicy) -> str:
        """What the scope gets if this policy decides: the mode, then each port that differs."""
        mode = own_mode(policy)
        if mode == UNSET:
            mode = f"{' or '.join(self.inherited(scope))} (inherited)"
        ports = port_modes(policy) if scope.labels else {}
        differing = [f"port {p} {m}" for p, m in sorted(ports.items()) if m not in (UNSET, mode)]
        return ", ".join([mode, *differing])

    def _wider(self, scope: PolicyScope) -> Iterator[PolicyScope]:
        """The work grows with the smaller of the subsets of the labels and the scopes there are."""
        known = self._labels.get(scope.namespace, set())
        if len(known) == 1 or not scope.labels:
            return
        if 2 ** len(scope.labels) < len(known):
            subsets = itertools.chain.from_iterable(
                itertools.combinations(sorted(scope.labels), size)
                for size in range(1, len(scope.labels))
            )
            wider = [labels for subset in subsets if (labels := frozenset(subset)) in known]
        else:
            wider = [labels for labels in known if labels and labels < scope.labels]
        for labels in sorted(wider, key=sorted):
            yield PolicyScope(scope.namespace, labels)

    def _deciding(self, scope: PolicyScope) -> list[PeerPolicy]:
        possible = set(possible_oldest(self.rivals(scope)))
        return [policy for policy in self.scopes[scope] if policy in possible]


def scope_of(policy: PeerPolicy, facts: MeshFacts) -> PolicyScope:
    """What istiod uses a policy for."""
    if is_mesh_wide(policy, facts):
        return MESH
    return PolicyScope(policy.namespace, frozenset(policy.selector.items()))


def by_control_plane(context: Context) -> tuple[ControlPlanePolicies, ...]:
    """One model for each control plane that reads the environment's PeerAuthentications."""
    return _planes(context.resources, visible_facts(context), context.mesh)


def seen(context: Context) -> Sequence[PeerPolicy]:
    """The policies that some control plane of the environment reads, copies in other files too."""
    by_object = {
        id(policy.resource): policy
        for read in _read(context.resources, visible_facts(context), context.mesh)
        for policy in (*read.all.values(), *read.repeated)
    }
    return tuple(by_object.values())


# The rules of the family ask for the same values: they are made once for each environment, and are
# those of its mesh where there is one that hides nothing.
@functools.lru_cache(maxsize=4)
def _read(
    resources: ResourceIndex, facts: MeshFacts, mesh: Mesh | None
) -> tuple[PeerPolicies, ...]:
    given = tuple(resources.of(KIND))
    each = control_planes(given, facts)
    if mesh is not None and each == [mesh.facts]:
        return (mesh.peer_policies,)
    return tuple(PeerPolicies(Catalog(given, own), own.root_namespace) for own in each)


@functools.lru_cache(maxsize=4)
def _planes(
    resources: ResourceIndex, facts: MeshFacts, mesh: Mesh | None
) -> tuple[ControlPlanePolicies, ...]:
    return tuple(
        ControlPlanePolicies(policies, facts) for policies in _read(resources, facts, mesh)
    )
