"""Policies of authorization that denied what is let in now: what a change takes away of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meshgate.effect.changes import CallChange
from meshgate.mesh import Admission
from meshgate.mesh.authorization import Action
from meshgate.model import Resource, ResourceRef

_DENYING = frozenset({Action.DENY, Action.CUSTOM})


class Lifted(NamedTuple):
    """A policy that kept requests out, as it was, and the calls that get in without it."""

    policy: Resource
    calls: tuple[CallChange, ...]


def lifted(opened: Iterable[CallChange]) -> list[Lifted]:
    """The policies that no longer deny what they denied, whether deleted or edited.

    DENY and CUSTOM policies whose rules matched the witness; and the ALLOW policies of a server to
    which none applies any more, so that nothing is denied. A rule that allows more lifts nothing.
    """
    by_policy: dict[ResourceRef, tuple[Resource, list[CallChange]]] = {}
    for change in opened:
        for policy in _denied_by(change):
            by_policy.setdefault(policy.ref, (policy, []))[1].append(change)
    return [Lifted(policy, tuple(calls)) for policy, calls in by_policy.values()]


def _denied_by(change: CallChange) -> Iterator[Resource]:
    before = change.before.admission if change.before is not None else None
    after = change.after.admission if change.after is not None else None
    if before is None:
        return
    judged = before.authorization.judge(before.server, before.connection, change.witness)
    denying = [rule.policy.resource for rule in judged.rules if rule.action in _DENYING]
    if denying:
        yield from {policy.ref: policy for policy in denying}.values()
    elif _is_closed(before) and not (after is not None and _is_closed(after)):
        for policy in before.authorization.applied(before.server).policies:
            if policy.action is Action.ALLOW and not policy.dry_run:
                yield policy.resource


def _is_closed(admission: Admission) -> bool:
    """Whether what no ALLOW rule matches is denied."""
    chain = admission.connection.chain
    return admission.authorization.rules(admission.server, chain).is_closed
