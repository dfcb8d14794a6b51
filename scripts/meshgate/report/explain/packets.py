"""Which packets NetworkPolicies let through, rule by rule, and what would let a call in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshgate.effect.describe import owner
from meshgate.mesh import Blocking, Delivery, Direction, NetworkPolicy, Workload
from meshgate.mesh.delivery import HBONE_PORT
from meshgate.mesh.network_policies import Packets, Party
from meshgate.mesh.selectors import Labels
from meshgate.model import JSONObject, join_path
from meshgate.report.explain import manifests
from meshgate.report.explain.explanation import CallRepair, Case, Chapter, Statement

TITLE = "Which packets pass"
IGNORED = (
    "The network plugin is declared to ignore NetworkPolicies (mesh.networkPolicies: ignored), so "
    "that all packets pass."
)
HBONE = f"port {HBONE_PORT}, as both ends speak HBONE"
_WAYS = {Direction.EGRESS: "Out of", Direction.INGRESS: "Into"}
_ANSWERS = {True: "lets it through", False: "does not", None: "may let it through"}


def which_packets_pass(case: Case) -> Iterator[Chapter]:
    """What each policy of both ends says; nothing where none isolates either."""
    if case.view.mesh.facts.network_policies == "ignored":
        if case.view.mesh.packets.ignored:
            yield Chapter(TITLE, (Statement(IGNORED),))
        return
    lines: list[Statement] = []
    for delivery, _ in case.sorts():
        if delivery.transport is not None and delivery.endpoint is not None:
            lines += _at_both_ends(case, delivery)
    if lines:
        yield Chapter(TITLE, tuple(dict.fromkeys(lines)))


def _at_both_ends(case: Case, delivery: Delivery) -> Iterator[Statement]:
    end = delivery.endpoint
    assert end is not None
    packets = case.view.mesh.packets
    source, target = packets.parties.of_workload(case.client), packets.parties.of_endpoint(end)
    port = delivery.wire_port(case.port.number)
    pairs = [(source, target)]
    if delivery.passage is None:
        verdicts = packets.between(case.client, end, port)
    else:
        verdicts = packets.by_way_of(delivery.passage, case.client, end, port)
        waypoint = packets.waypoint(delivery.passage)
        pairs = [(source, waypoint), (waypoint, target)]
    for (direction, answer), pair in zip(
        verdicts.ends, (pair for pair in pairs for _ in Direction), strict=True
    ):
        subject, other = pair if direction is Direction.EGRESS else pair[::-1]
        if not answer.policies:
            continue
        to = HBONE if port == HBONE_PORT else f"port {port}"
        name = subject.name or f"{end.address}"
        yield Statement(f"{_WAYS[direction]} {name}, to {to}:")
        for policy in answer.policies:
            yield from _policy(case, policy, direction, (subject, other), Packets(port))
        if answer.passes is None:
            yield Statement(f"So it is not known whether it passes: {answer.doubt}.")
        else:
            dropped = "So it is dropped: no rule lets it through."
            conclusion = "So it passes." if answer.passes else dropped
            yield Statement(conclusion, mark="works" if answer.passes else "broken")


def _policy(
    case: Case,
    policy: NetworkPolicy,
    direction: Direction,
    ends: tuple[Party, Party],
    packets: Packets,
) -> Iterator[Statement]:
    name = f"  {owner(policy.resource)}"
    rules = policy.rules(direction) or ()
    if not rules:
        place = case.view.locate(policy.resource, "spec")
        yield Statement(f"{name} isolates the pods and has no {direction} rule.", place, "decides")
    for number, rule in enumerate(rules):
        passes = case.view.mesh.packets.table.rule_passes(direction, rule, ends, packets)
        where = case.view.locate(policy.resource, join_path("spec", direction, number))
        mark = "hidden" if passes is False else "decides"
        yield Statement(f"{name}, {direction} rule {number + 1}: {_ANSWERS[passes]}.", where, mark)


def packet_repairs(
    case: Case, delivery: Delivery, blocking: Blocking, labels: Callable[[Workload], Labels]
) -> Iterator[CallRepair]:
    """Let the packets through where they are dropped; `labels` select a workload."""
    end = delivery.endpoint
    server = end.workload if end is not None else None
    if delivery.passage is not None:
        names = ", ".join(dict.fromkeys(owner(policy.resource) for _, policy in blocking.policies))
        yield CallRepair(
            f"Let {HBONE}, through from {case.client} to {delivery.passage} and from there to "
            f"{server}: add ingress and egress rules for it to {names}."
        )
        return
    for direction in blocking.directions:
        stopping = [policy for way, policy in blocking.policies if way is direction]
        names = ", ".join(owner(policy.resource) for policy in stopping)
        subject, other = (
            (case.client, server) if direction is Direction.EGRESS else (server, case.client)
        )
        way = "out of" if direction is Direction.EGRESS else "into"
        if subject is None or other is None or other.kind == "WorkloadEntry":
            address = end.address if end is not None and end.address else "the address"
            yield CallRepair(
                f"Let the packets {way} {subject or address}: add an {direction} rule for port "
                f"{blocking.port} to {names}, with an ipBlock that holds {other or address}."
            )
            continue
        why = f", {HBONE}" if blocking.port == HBONE_PORT and delivery.tunnel else ""
        yield CallRepair(
            f"Let the packets {way} {subject} by a policy of its own{why}: it adds to {names}, and "
            "isolates no other pod.",
            manifests.network_policy(
                _name(subject, other, direction),
                direction,
                _isolated(stopping[0], labels(subject)),
                manifests.NetworkPods(other.namespace, labels(other)),
                blocking.port,
            ),
        )


def _name(subject: Workload, other: Workload, direction: Direction) -> str:
    way = "to" if direction is Direction.EGRESS else "from"
    return f"{subject.name}-{way}-{other.namespace}-{other.name}"


def _isolated(stopping: NetworkPolicy, labels: Labels) -> manifests.NetworkPods:
    """Pods of the workload that a policy isolates already, so that nothing else is cut off."""
    expressions: list[JSONObject] = [
        {
            "key": each.key,
            "operator": each.operator,
            **({"values": sorted(each.values)} if each.values else {}),
        }
        for each in stopping.pods.requirements
    ]
    pairs = {**labels, **dict(stopping.pods.pairs)}
    return manifests.NetworkPods(stopping.namespace, pairs, expressions)
