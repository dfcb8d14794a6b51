"""What is deleted, or edited so that it decides nothing, leaves nothing weaker in its place."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence

from meshgate.effect import Effect
from meshgate.effect.describe import request
from meshgate.effect.lifted import lifted
from meshgate.model import Resource, ResourceRef
from meshgate.promotion.acceptance import acknowledged
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import RENDERING
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.guards.questions import (
    MOST_SHOWN,
    effect_of,
    how_to_acknowledge,
)
from meshgate.wording import agree, plural

# Fewer than 70 of 100 resources are left: a patch that deletes too much looks like this.
LEAST_LEFT = 0.7
# In a folder of two files, one is already half.
FEW = 3
ALLOW = "ALLOW"


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask the effect and the AuthorizationPolicies, and count what is left."""
    effect = effect_of(candidate)
    if effect is None:
        return
    before = known(candidate.before, "the objects before")
    after = known(candidate.after, "the objects afterwards")
    if len(before) > FEW and len(after) < LEAST_LEFT * len(before):
        missing = sorted(_names(before) - _names(after))
        yield from _unless_accepted(
            candidate, f"{len(before) - len(after)} of {len(before)} resources would go", missing
        )
    uncovered = []
    for gone in effect.uncovered:
        if gone.is_deleted:
            heir = gone.now.ref if gone.now is not None else "a default"
            # Ports that get weaker, and calls that break, have guards of their own, too.
            uncovered += [f"{gone.policy.ref}: {port} is left to {heir}" for port in gone.ports]
            uncovered += [
                f"{gone.policy.ref}: calls to {call.host}:{call.port} are left to {heir}"
                for call in gone.calls
            ]
    uncovered += _lifted(effect, after)
    uncovered += _opened(before, after, _judged(effect))
    if uncovered:
        yield from _unless_accepted(
            candidate,
            "what is deleted or edited leaves something weaker in its place",
            sorted(uncovered),
        )


def _unless_accepted(
    candidate: Candidate, message: str, uncovered: Sequence[str]
) -> Iterator[Objection]:
    # Named apart from a set of breaks: accepting one must not accept the other.
    digest = hashlib.sha256("\n".join(("PR16", message, *uncovered)).encode()).hexdigest()
    if not acknowledged(candidate, digest):
        yield Objection(
            message, how_to_acknowledge(candidate, digest), details=tuple(uncovered[:MOST_SHOWN])
        )


def _lifted(effect: Effect, after: Sequence[Resource]) -> Iterator[str]:
    """AuthorizationPolicies without which requests get in: gone, or edited so that they do."""
    left = {(policy.kind, policy.namespace, policy.name) for policy in after}
    for each in lifted(effect.opened):
        policy = each.policy
        is_left = (policy.kind, policy.namespace, policy.name) in left
        lost = "no longer denies what it denied" if is_left else "is gone"
        first = each.calls[0]
        example = f", such as {request(first.witness)}" if first.witness is not None else ""
        count = sum(call.count for call in each.calls)
        calls = f"{plural(count, 'call')} {agree(count, 'gets', 'get')} in"
        yield f"{policy.ref} {lost}: {calls}, to {first.endpoint}{example}"


def _judged(effect: Effect) -> set[ResourceRef]:
    """The changed policies of which the effect tells all that they do."""
    unknown = {each.policy.ref for each in effect.open_policies}
    return {policy.ref for policy in effect.authorization} - unknown


def _opened(
    before: Sequence[Resource], after: Sequence[Resource], judged: Collection[ResourceRef]
) -> Iterator[str]:
    """AuthorizationPolicies that may let more through, where no inventory tells whether they do.

    Without a DENY or CUSTOM one, or with another, what it refused may pass. Without any ALLOW
    policy that selects it, a workload takes every request; one of several with the same selector
    only narrows when it goes.
    """
    left = {(policy.kind, policy.namespace, policy.name): policy for policy in after}
    allowing = {_scope(policy) for policy in after if _is_allow(policy)}
    for policy in before:
        now = left.get((policy.kind, policy.namespace, policy.name))
        is_same = now is not None and now.spec == policy.spec
        if policy.kind != "AuthorizationPolicy" or is_same or policy.ref in judged:
            continue
        action = policy.spec.get("action", ALLOW)
        if action in {"DENY", "CUSTOM"}:
            yield f"{policy.ref}: what it refused ({action}) is let through"
        elif _is_allow(policy) and _scope(policy) not in allowing:
            last = "the last ALLOW of its scope is gone, so every request is let through"
            yield f"{policy.ref}: {last}"


def _is_allow(policy: Resource) -> bool:
    return policy.kind == "AuthorizationPolicy" and policy.spec.get("action", ALLOW) == ALLOW


def _scope(policy: Resource) -> str:
    targets = policy.spec.get("targetRefs") or policy.spec.get("targetRef")
    return f"{policy.namespace} {policy.spec.get('selector')} {targets}"


def _names(resources: Sequence[Resource]) -> set[str]:
    return {str(resource) for resource in resources}


GUARD = Guard(
    id="PR16",
    name="opens-by-deleting",
    summary="a deleted policy leaves something weaker in its place, or very much is deleted",
    why="Agents prune without a word. What falls back to a default is open, and nothing shows it.",
    hint="keep the policy, or replace it by what is meant to hold",
    status="effects",
    check=check,
    events=RENDERING,
)
