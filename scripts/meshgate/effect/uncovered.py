"""What a policy that is deleted, or that decides less, uncovers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshgate.effect.changes import CallChange, PortChange, Strength, Uncovered
from meshgate.effect.verdicts import Change
from meshgate.mesh import Mesh
from meshgate.model import Resource, ResourceRef

_WORSE = frozenset({Change.BREAKS, Change.LED_AWAY, Change.SHUT_OUT, Change.EXPOSED})


def uncovered(
    before: Mesh, after: Mesh, ports: Iterable[PortChange], calls: Iterable[CallChange]
) -> Iterator[Uncovered]:
    """Each policy that leaves ports or calls to something weaker, with these."""
    yield from _by_ports(before, after, ports)
    yield from _by_calls(after, calls)


def _by_ports(before: Mesh, after: Mesh, ports: Iterable[PortChange]) -> Iterator[Uncovered]:
    left = {policy.resource.ref for policy in after.peer_policies.all.values()}
    stood = {policy.resource.ref for policy in before.peer_policies.all.values()}
    groups: dict[tuple[ResourceRef, ResourceRef | None], list[PortChange]] = {}
    for each in ports:
        was, now = each.before.decided_by, each.after.decided_by
        if each.change is not Strength.LOOSENED or was.policy is None:
            continue
        heir = now.policy.ref if now.policy is not None else None
        is_deleted = was.policy.ref not in left
        # The one that decides now stood there before: nothing was put in the place of the other.
        is_uncovered = now[0] is not was[0] and (heir is None or heir in stood)
        if is_deleted or is_uncovered:
            groups.setdefault((was.policy.ref, heir), []).append(each)
    for (ref, _), changes in groups.items():
        first = changes[0]
        policy, heir_policy = first.before.decided_by.policy, first.after.decided_by.policy
        assert policy is not None
        yield Uncovered(policy, ref not in left, heir_policy, ports=tuple(changes))


def _by_calls(after: Mesh, calls: Iterable[CallChange]) -> Iterator[Uncovered]:
    """DestinationRules that are gone, with the calls that are worse without them."""
    left = {rule.resource.ref for rule in after.rules.all.values()}
    groups: dict[tuple[ResourceRef, ResourceRef | None], list[CallChange]] = {}
    policies: dict[ResourceRef, Resource] = {}
    heirs: dict[ResourceRef | None, Resource | None] = {}
    for each in calls:
        if each.change not in _WORSE or each.before is None or each.after is None:
            continue
        rules = each.after.rules
        heir = rules[0] if rules else None
        for rule in each.before.rules:
            if rule.ref not in left:
                key = rule.ref, heir.ref if heir is not None else None
                groups.setdefault(key, []).append(each)
                policies[rule.ref], heirs[key[1]] = rule, heir
    for (gone, heir_ref), changes in groups.items():
        yield Uncovered(policies[gone], True, heirs[heir_ref], calls=tuple(changes))
