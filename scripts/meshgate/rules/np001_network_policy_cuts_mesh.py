"""A NetworkPolicy drops what the mesh needs to work.

What it checks
    NetworkPolicies, with all others that isolate the same pods, against

    - calls between ambient workloads: they go to port 15008 (HBONE), whatever port is called;
    - kubelet's probes of ambient workloads: they come from 169.254.7.127;
    - the way of each sidecar and gateway to istiod, port 15012;
    - the way of each proxied or ambient workload to the cluster's DNS;
    - calls that an expectation wants to work.

    ```yaml
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: web, namespace: shop}      # an ambient namespace
    spec:
      podSelector: {matchLabels: {app: web}}
      ingress:
        - ports: [{port: 8080}]                 # and not 15008: no ambient client gets in
    ```

Why it matters
    Packets are dropped before any proxy sees them. A policy that was right before the namespace
    became ambient cuts it off on that day; one that keeps a sidecar from istiod does so when its
    certificate ends, at most a day later; without DNS no name is found at all.

How to fix
    Add the port to the rule, or a rule for it: 15008 beside the container port, egress to istiod
    (15012) and to DNS (53, UDP and TCP) beside what the application calls. `meshgate explain`
    writes the policy for a call.

Known gaps
    Whether kubelet's probes are dropped depends on the network plugin, so that this is reported as
    not decided. istiod and DNS that are not in the inventory may be any pod: only a policy that
    lets nothing at all out to such a port is reported. Clusters with NodeLocal DNSCache ask their
    node, and are left alone where its DaemonSet is in the inventory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshgate.mesh import DataPlane, Mesh, Outcome, Verdict, Workload, verdict
from meshgate.mesh.controllers import template_of
from meshgate.mesh.network_policies import Direction, EndKind, NetworkPolicy, Packets, Party
from meshgate.model import Expectation, ResourceIndex, Severity
from meshgate.rules.context import Context
from meshgate.rules.kubernetes_calls import PROBE_ADDRESS, all_probed
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

ISTIOD_PORT = 15012
DNS_PORT = 53
# CoreDNS listens on 53, OpenShift's DNS on 5353.
DNS_TARGETS = (DNS_PORT, 5353)
DNS_SERVICES = (("kube-system", "kube-dns"), ("openshift-dns", "dns-default"))
NODE_LOCAL_DNS = "node-local-dns"
IN_MESH = frozenset({DataPlane.SIDECAR, DataPlane.AMBIENT, DataPlane.GATEWAY})
CONFIGURED = frozenset({DataPlane.SIDECAR, DataPlane.GATEWAY})


class DroppedConnection(Struct, frozen=True):
    """Something that policies of one pod drop.

    what  in the words of the message, `who` of whom: all of one kind and policy are one finding
    """

    policy: NetworkPolicy
    direction: Direction
    what: str
    fix: str
    who: str
    decided: bool = True


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None or mesh.packets.is_empty:
        return
    groups: dict[tuple[object, ...], list[DroppedConnection]] = {}
    for cut in cuts(mesh, context):
        key = id(cut.policy), cut.direction, cut.what
        groups.setdefault(key, []).append(cut)
    for alike in groups.values():
        first = alike[0]
        who = listed(dict.fromkeys(cut.who for cut in alike))
        yield Violation(
            first.policy.resource,
            f"spec.{first.direction}",
            f"{first.what}: {who}",
            fix=first.fix,
            decided=first.decided,
            key=first.what,
        )


def cuts(mesh: Mesh, context: Context) -> Iterator[DroppedConnection]:
    """Everything that is dropped and is needed."""
    yield from hbone(mesh)
    yield from probes(mesh)
    yield from istiod(mesh)
    yield from dns(mesh, context.resources)
    yield from expected(mesh, context.environment.expectations)


def hbone(mesh: Mesh) -> Iterator[DroppedConnection]:
    """Calls that pass at the container port, and are dropped at the port of HBONE."""
    if all(workload.plane is not DataPlane.AMBIENT for workload in mesh.workloads):
        return
    for call in mesh.call_classes():
        for delivery in call.deliveries:
            end, blocking = delivery.endpoint, delivery.blocking
            if blocking is None or not delivery.tunnel or end is None:
                continue
            for client in call.clients.members:
                verdict = mesh.packets.between(client, end, end.port)
                if verdict.passes is False:
                    continue
                for direction, policies in _by_direction(
                    mesh.packets.between(client, end, blocking.port).policies
                ):
                    yield DroppedConnection(
                        _to_blame(policies),
                        direction,
                        f"calls between ambient workloads go to port {blocking.port} (HBONE), "
                        "which no rule lets through, though the port that is called is",
                        f"add port {blocking.port} to the rule that has the container port",
                        f"{client} to {end.workload}:{end.port}",
                    )


def probes(mesh: Mesh) -> Iterator[DroppedConnection]:
    """Kubelet's probes of ambient workloads, which come from one address of the node."""
    kubelet = mesh.packets.parties.unknown("", EndKind.OUTSIDE, PROBE_ADDRESS)
    for workload in mesh.workloads:
        if workload.plane is not DataPlane.AMBIENT or workload.on_host:
            continue
        target = mesh.packets.parties.of_workload(workload)
        for port in sorted(all_probed(template_of(workload.resource))):
            answer = mesh.packets.table.passage(Direction.INGRESS, target, kubelet, Packets(port))
            if answer.passes is False:
                yield DroppedConnection(
                    _to_blame(answer.policies),
                    Direction.INGRESS,
                    f"kubelet's probes of ambient workloads come from {PROBE_ADDRESS}, which no "
                    "rule lets in; whether they are dropped depends on the network plugin",
                    f"add an ingress rule from ipBlock {PROBE_ADDRESS}/32",
                    f"{workload}:{port}",
                    decided=False,
                )


def istiod(mesh: Mesh) -> Iterator[DroppedConnection]:
    """Proxies that do not reach istiod."""
    root = mesh.facts.root_namespace
    targets = [
        mesh.packets.parties.of_workload(end.workload)
        for service in mesh.services
        if service.namespace == root and service.name.startswith("istiod")
        for end in service.endpoints.get(ISTIOD_PORT, ())
        if end.workload is not None
    ] or [mesh.packets.parties.unknown(root, EndKind.ANY)]
    for workload in mesh.workloads:
        if workload.plane in CONFIGURED:
            yield from _dropped(
                mesh,
                workload,
                [(target, Packets(ISTIOD_PORT)) for target in targets],
                f"proxies do not reach istiod (port {ISTIOD_PORT} in {root}), which gives them "
                "their configuration and certificates",
                f"let port {ISTIOD_PORT} through to the pods of istiod in namespace {root}",
            )


def dns(mesh: Mesh, resources: ResourceIndex) -> Iterator[DroppedConnection]:
    """Workloads of the mesh that do not reach the cluster's DNS."""
    if any(workload.name == NODE_LOCAL_DNS for workload in mesh.workloads):
        return
    targets = list(_dns_servers(mesh, resources))
    if not targets:
        anybody = mesh.packets.anybody
        targets = [(anybody, Packets(port, "UDP")) for port in DNS_TARGETS]
    for workload in mesh.workloads:
        if workload.plane in IN_MESH:
            yield from _dropped(
                mesh,
                workload,
                targets,
                f"workloads do not reach the cluster's DNS (UDP port {DNS_PORT}), without which "
                "they find no service",
                f"add an egress rule for port {DNS_PORT}, UDP and TCP, to the pods of the DNS",
            )


def expected(mesh: Mesh, expectations: Iterable[Expectation]) -> Iterator[DroppedConnection]:
    """Calls that an expectation wants to reach their server."""
    for expectation in expectations:
        if verdict(Outcome(expectation.outcome), None) in {Verdict.BROKEN, Verdict.UNKNOWN}:
            continue
        namespace, _, name = expectation.client.partition("/")
        try:
            client = mesh.workload(namespace, name)
            policy = mesh.client_policy(client, expectation.host, expectation.port)
        except LookupError:
            continue  # CA008 names it
        for delivery in policy.deliveries:
            if delivery.blocking is not None and delivery.verdict is Verdict.BROKEN:
                for direction, policies in _by_direction(delivery.blocking.policies):
                    yield DroppedConnection(
                        _to_blame(policies),
                        direction,
                        f"an expectation wants these calls to be {expectation.outcome}, and their "
                        "packets are dropped",
                        "add a rule that lets them through; `meshgate explain` writes it",
                        f"{client} to {expectation.host}:{expectation.port}",
                    )


def _dropped(
    mesh: Mesh,
    workload: Workload,
    targets: Iterable[tuple[Party, Packets]],
    what: str,
    fix: str,
) -> Iterator[DroppedConnection]:
    """A workload whose packets reach none of these for certain."""
    source = mesh.packets.parties.of_workload(workload)
    stopping: list[tuple[Direction, tuple[NetworkPolicy, ...]]] = []
    for target, packets in targets:
        ends = [(Direction.EGRESS, (source, target))]
        if target.kind is EndKind.POD:
            ends.append((Direction.INGRESS, (target, source)))
        answers = [(way, mesh.packets.table.passage(way, *pair, packets)) for way, pair in ends]
        blocked = [(way, each.policies) for way, each in answers if each.passes is False]
        if not blocked:
            return
        stopping += blocked
    if stopping and not mesh.packets.is_doubted(workload):
        direction, policies = stopping[0]
        yield DroppedConnection(_to_blame(policies), direction, what, fix, str(workload))


def _dns_servers(mesh: Mesh, resources: ResourceIndex) -> Iterator[tuple[Party, Packets]]:
    """The pods of the cluster's DNS, each with its port for UDP."""
    for service in resources.of("Service"):
        if (service.namespace, service.name) not in DNS_SERVICES:
            continue
        selector = service.spec.get("selector")
        for port in service.spec.get("ports") or ():
            if port.get("protocol") != "UDP" or port.get("port") != DNS_PORT:
                continue
            wanted = port.get("targetPort") or DNS_PORT
            for workload in mesh.selected(str(service.namespace), dict(selector or {})):
                named = (
                    each.number
                    for each in workload.ports
                    if each.name == wanted and each.protocol == "UDP"
                )
                number = wanted if isinstance(wanted, int) else next(named, None)
                if number is not None:
                    yield mesh.packets.parties.of_workload(workload), Packets(number, "UDP")


def _by_direction(
    policies: Iterable[tuple[Direction, NetworkPolicy]],
) -> Iterator[tuple[Direction, tuple[NetworkPolicy, ...]]]:
    by_direction: dict[Direction, list[NetworkPolicy]] = {}
    for direction, policy in policies:
        by_direction.setdefault(direction, []).append(policy)
    for direction, own in by_direction.items():
        yield direction, tuple(own)


def _to_blame(policies: Iterable[NetworkPolicy]) -> NetworkPolicy:
    """The policy that a person edits: one that is managed here, with rules before one without."""
    return min(
        policies,
        key=lambda policy: (policy.resource.foreign, not (policy.ingress or policy.egress)),
    )


RULE = Rule(
    id="NP001",
    name="network-policy-cuts-mesh",
    severity=Severity.ERROR,
    summary="A NetworkPolicy drops what is needed: HBONE, probes, istiod, DNS, expected calls.",
    fix="let the port through: 15008 between ambient workloads, 15012 to istiod, 53 to DNS",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"Service"}),
    check=check,
)
