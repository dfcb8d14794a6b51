"""What policies name by target references, and whether a waypoint or gateway stands there."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, structs

from meshgate.mesh import DataPlane, Mesh, Service, Verdict, Workload
from meshgate.mesh.authorization import AuthorizationPolicy
from meshgate.mesh.authorization.policies import TargetRef
from meshgate.mesh.catalog import namespace_of
from meshgate.mesh.coverage import GATEWAY_API
from meshgate.mesh.waypoints import Enrolment
from meshgate.mesh.workloads import GATEWAY_API as GATEWAY_NAME
from meshgate.model import Resource
from meshgate.rules.context import Context
from meshgate.rules.wording import listed
from meshgate.wording import agree

WAYPOINT_CLASS = "istio-waypoint"
SELECT = "select the pods by `spec.selector` instead"


class UnenforcedTarget(Struct, frozen=True):
    """A target reference behind which nothing enforces a policy, in words."""

    path: str
    message: str
    fix: str
    decided: bool = True
    # Whether it is enforced for some clients.
    is_partial: bool = False


class PolicyTargets:
    """The objects of one environment that policies may be attached to."""

    def __init__(self, context: Context, mesh: Mesh) -> None:
        self._mesh = mesh
        self._gateways = {
            (namespace_of(each), each.name): each
            for each in context.resources.of("Gateway")
            if each.group == GATEWAY_API
        }
        self._services: dict[tuple[str, str, str], Resource] = {
            (each.kind, namespace_of(each), each.name): each
            for each in context.resources.of("Service", "ServiceEntry")
        }
        self._proxies = {
            (workload.namespace, str(workload.labels.get(GATEWAY_NAME)))
            for workload in mesh.workloads
        }

    def is_waypoint(self, workload: Workload) -> bool:
        """Whether a workload is the proxy of a waypoint."""
        name = str(workload.labels.get(GATEWAY_NAME, ""))
        gateway = self._gateways.get((workload.namespace, name))
        return gateway is not None and gateway.spec.get("gatewayClassName") == WAYPOINT_CLASS

    def unenforced(self, policy: AuthorizationPolicy) -> Iterator[UnenforcedTarget]:
        """The targets of a policy at which nothing enforces it."""
        single = "targetRef" in policy.resource.spec
        for number, target in enumerate(policy.attachment.targets):
            path = "spec.targetRef" if single else f"spec.targetRefs[{number}]"
            match target.kind:
                case "Gateway":
                    unenforced = self._gateway(policy, target)
                case "Service" | "ServiceEntry":
                    unenforced = self._service(policy, target)
                case "GatewayClass":
                    unenforced = self._of_class(policy, target)
                case _:
                    unenforced = None
            if unenforced is not None:
                yield structs.replace(unenforced, path=path)

    def _of_class(self, policy: AuthorizationPolicy, target: TargetRef) -> UnenforcedTarget | None:
        """A class of Gateways, which counts for waypoints and in the root namespace only."""
        root = self._mesh.facts.root_namespace
        if policy.namespace != root:
            return UnenforcedTarget(
                "",
                f"a policy for a GatewayClass counts in the root namespace {root} only: nothing "
                "enforces it",
                f"move it to {root}, or name the waypoint's Gateway",
            )
        if target.name != WAYPOINT_CLASS:
            return UnenforcedTarget(
                "",
                f"of classes only {WAYPOINT_CLASS} takes policies: nothing enforces this one",
                f"write {WAYPOINT_CLASS}, or name the Gateways",
            )
        return None

    def _gateway(self, policy: AuthorizationPolicy, target: TargetRef) -> UnenforcedTarget | None:
        key = policy.namespace, target.name
        if key in self._gateways or key in self._proxies:
            return None
        return UnenforcedTarget(
            "",
            f"namespace {policy.namespace} has no Gateway {target.name} of the Gateway API: "
            "nothing enforces the policy",
            f"name a Gateway that is there, or {SELECT}",
            self._mesh.knows(policy.namespace),
        )

    def _service(self, policy: AuthorizationPolicy, target: TargetRef) -> UnenforcedTarget | None:
        service = self._services.get((target.kind, policy.namespace, target.name))
        if service is None:
            return UnenforcedTarget(
                "",
                f"namespace {policy.namespace} has no {target.kind} {target.name}: nothing "
                "enforces the policy",
                f"name a {target.kind} that is there, or {SELECT}",
                self._mesh.knows(policy.namespace),
            )
        own = [each for each in self._mesh.services if each.resource is service]
        for enrolment in filter(None, map(self._mesh.enrolment, own)):
            if enrolment.reason:
                return UnenforcedTarget(
                    "",
                    f"waypoint {enrolment.waypoint} stands before {target.kind} {target.name}, and "
                    f"{enrolment.reason}: whether the policy is enforced is not known",
                    "add the Gateway of the waypoint to the inventory",
                    decided=False,
                )
            return self._passed_by(enrolment, own)
        sidecars = [
            str(endpoint.workload)
            for each in own
            for endpoints in each.endpoints.values()
            for endpoint in endpoints
            if endpoint.workload is not None and endpoint.workload.plane is DataPlane.SIDECAR
        ]
        return UnenforcedTarget(
            "",
            f"no waypoint stands before {target.kind} {target.name}: "
            + (
                f"a policy with target references never applies to sidecars, and {sidecars[0]} is "
                "open to whom it denies"
                if sidecars
                else "nothing enforces the policy"
            ),
            SELECT if sidecars else "give it a waypoint by the label istio.io/use-waypoint",
        )

    def _passed_by(self, enrolment: Enrolment, own: list[Service]) -> UnenforcedTarget | None:
        """Clients that reach the service without its waypoint."""
        around = dict.fromkeys(
            str(client)
            for call in self._mesh.call_classes(own)
            if any(
                sent.passage is None and sent.verdict in {Verdict.WORKS, Verdict.DEPENDS}
                for sent in call.deliveries
            )
            for client in call.clients.members
        )
        if not around:
            return None
        return UnenforcedTarget(
            "",
            f"{listed(around)} {agree(len(around), 'goes', 'go')} around waypoint "
            f"{enrolment.waypoint}, which only ambient clients pass: for "
            f"{agree(len(around), 'it', 'them')} the policy decides nothing",
            "let a policy with a selector admit the waypoint's account and nobody else",
            is_partial=True,
        )
