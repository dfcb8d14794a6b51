"""A NetworkPolicy, or a part of it, restricts nothing or lets nobody in.

What it checks
    - A `podSelector` that selects no workload of its namespace: the policy isolates nothing.
    - A rule whose selectors select no workload: it lets nobody through.
    - Ports that a rule leaves out on purpose, where port 15008 (HBONE) of an ambient workload is
      let in by the same rule: whoever reaches that port reaches all of them.

    ```yaml
    kind: NetworkPolicy                       # shop/web, in an ambient namespace
    spec:
      podSelector: {matchLabels: {app: web}}  # listens on 8080 and 9090
      ingress:
        - ports: [{port: 8080}, {port: 15008}]  # 9090 is reached through 15008
    ```

Why it matters
    The policy looks like protection and is none; or it looks like a permission, and a label that
    was mistyped or renamed keeps everybody out. Between ambient workloads a NetworkPolicy sees one
    port only, so that it tells who may call and not what.

How to fix
    Copy the labels from the pod template of the workload or from its Namespace. Which ports
    ambient clients may call is for an AuthorizationPolicy to say (`ports`).

Known gaps
    Where the inventory has nothing of a namespace, or no Namespace has the labels, the selector is
    reported as not decided. Blocks of addresses are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Mesh, Workload
from meshgate.mesh.delivery import HBONE_PORT
from meshgate.mesh.network_policies import (
    Direction,
    FilterRule,
    LabelPattern,
    NamespacesByLabel,
    NetworkPolicy,
    Packets,
    Peer,
    ports_match,
    selects,
)
from meshgate.model import Severity, join_path
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

ENDS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def check(context: Context) -> Iterator[Violation]:
    mesh = context.mesh
    if mesh is None or mesh.packets.is_empty:
        return
    by_namespace: dict[str, list[Workload]] = {}
    for workload in mesh.workloads:
        if workload.kind != "WorkloadEntry":
            by_namespace.setdefault(workload.namespace, []).append(workload)
    namespaces = NamespacesByLabel(mesh.packets.parties.namespaces(by_namespace))
    for policy in mesh.packets.policies:
        selected = [
            workload
            for workload in by_namespace.get(policy.namespace, ())
            if policy.pods.selects(mesh.packets.parties.of_workload(workload).labels) is not False
        ]
        if not selected:
            yield _selects_nothing(mesh, policy)
            continue
        for direction in Direction:
            for number, rule in enumerate(policy.rules(direction) or ()):
                for place, peer in enumerate(rule.peers):
                    path = join_path("spec", direction, number, ENDS[direction], place)
                    yield from _lets_nobody(
                        mesh, policy, peer, path, namespaces=namespaces, by_namespace=by_namespace
                    )
        for number, rule in enumerate(policy.ingress or ()):
            yield from _void(mesh, policy, rule, number, selected)


def _selects_nothing(mesh: Mesh, policy: NetworkPolicy) -> Violation:
    """A policy whose `podSelector` selects no workload."""
    pods = described(policy.pods)
    if not mesh.knows(policy.namespace):
        return Violation(
            policy.resource,
            "spec.podSelector",
            f"whether it selects a pod{pods} cannot be told: the inventory has nothing of "
            f"namespace {policy.namespace}",
            fix=f"add the workloads of {policy.namespace} to the inventory",
            decided=False,
        )
    return Violation(
        policy.resource,
        "spec.podSelector",
        f"no workload of namespace {policy.namespace} is selected{pods}: the policy isolates "
        "nothing",
    )


def _lets_nobody(
    mesh: Mesh,
    policy: NetworkPolicy,
    peer: Peer,
    path: str,
    *,
    namespaces: NamespacesByLabel,
    by_namespace: dict[str, list[Workload]],
) -> Iterator[Violation]:
    """A selector of a rule that selects no workload."""
    if peer.block is not None:
        return
    places = (peer.namespace,) if peer.namespaces is None else namespaces.selected(peer.namespaces)
    # Whoever is found first ends it: a selector may select very many namespaces.
    if any(
        selects(peer, mesh.packets.parties.of_workload(workload)) is not False
        for place in places
        if mesh.knows(place)
        for workload in by_namespace.get(place, ())
    ):
        return
    decided = bool(places) and all(map(mesh.knows, places))
    where = f"namespace {places[0]}" if len(places) == 1 else f"{len(places)} namespaces"
    if not places:
        message = f"no Namespace of the inventory is selected{described(peer.namespaces)}"
    else:
        message = f"no workload of {where} is selected{described(peer.pods)}"
    yield Violation(
        policy.resource,
        path,
        f"{message}: this part of the rule lets nobody through",
        decided=decided,
    )


def _void(
    mesh: Mesh, policy: NetworkPolicy, rule: FilterRule, number: int, selected: list[Workload]
) -> Iterator[Violation]:
    """Ports that are left out, and reached by HBONE all the same."""
    reached: dict[str, None] = {}
    for workload in selected:
        if workload.plane is not DataPlane.AMBIENT or not rule.ports:
            continue
        target = mesh.packets.parties.of_workload(workload)
        if ports_match(rule.ports, target, Packets(HBONE_PORT)) is not True:
            continue
        ports = mesh.ports(workload)
        let_in = [port for port in ports if ports_match(rule.ports, target, Packets(port))]
        if let_in:
            reached |= {f"{workload}:{port}": None for port in ports if port not in let_in}
    if reached:
        yield Violation(
            policy.resource,
            join_path("spec", "ingress", number, "ports"),
            f"the rule lets port {HBONE_PORT} (HBONE) in, by which ambient clients reach the ports "
            f"that it leaves out, too: {listed(reached)}",
            fix="name the ports that clients may call in an AuthorizationPolicy",
        )


def described(selector: LabelPattern | None) -> str:
    """What a selector asks for: ` by app: web`; empty: nothing."""
    if selector is None or selector.is_empty:
        return ""
    pairs = [f"{key}: {value}" for key, value in selector.pairs]
    terms = [
        f"{each.key} {each.operator}"
        + (f" {', '.join(sorted(each.values))}" if each.values else "")
        for each in selector.requirements
    ]
    return f" by {'; '.join((*pairs, *terms))}"


RULE = Rule(
    id="NP002",
    name="network-policy-restricts-nothing",
    severity=Severity.WARNING,
    summary="A NetworkPolicy selects nothing, or has port rules that HBONE makes void.",
    fix="copy the labels from the pod template of the workload, or remove the policy",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"NetworkPolicy"}),
    check=check,
)
