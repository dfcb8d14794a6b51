"""A call that works before the change and fails after it.

What it checks
    Every call that counts: of a client with a sidecar, in ambient mode or of a gateway; and of a
    client without a proxy where `expectations/<environment>.yaml` wants it to work, or it was seen.
    It must not work before and fail afterwards, nor be led away: to another host, out of the mesh,
    or to an answer of its own proxy. A call that may fail, and of which files do not
    tell, is a warning, never silence.

    ```yaml
    # DestinationRule deleted, while a VirtualService still routes to its subset:
    http:
      - route:
          - destination:
              host: userprofile
              subset: v1
    ```

Why it matters
    This is the outage. Each object of the change may be valid, and each rule on it silent: a call
    fails where what a client sends and what a server takes no longer fit, and these are decided by
    objects in different files.

How to fix
    `meshgate explain` tells who decides the call. Change the other side first, or together with
    this one in steps that fit.

Known gaps
    Clients without a sidecar that nobody expects are listed as shut out, and are no break: to
    refuse them is what STRICT is for. Write an expectation for each that must go on working.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import BREAKING, CallChange, Change, UndecidedPolicy
from meshgate.model import Severity
from meshgate.rules.blame import Blame, BlameIndex, called, callers, destinations, ends
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.undecided_calls import state_revision
from meshgate.wording import agree, plural

# What may be a break where it is not certain.
_FEARED = frozenset({*BREAKING, Change.UNKNOWN})

UNKNOWN = "add the namespace to the inventory; `meshgate inventory capture` writes it"
UNREAD = "let somebody look who knows what it decides: meshgate does not read {0}"


def check(context: Context) -> Iterator[Violation]:
    effect = context.effect
    if effect is None:
        return
    causes = BlameIndex(effect)
    groups: dict[object, tuple[Blame, list[CallChange]]] = {}
    feared = [each for each in effect.open_calls if each.counts and each.change in _FEARED]
    for each in (*effect.breaks, *feared):
        cause = causes.of(each)
        key = cause.key, each.change is Change.LED_AWAY, each.decided, each.reason
        groups.setdefault(key, (cause, []))[1].append(each)
    for cause, changes in groups.values():
        yield _violation(cause, changes)
    for policy in effect.open_policies:
        yield Violation(
            policy.policy,
            "spec",
            f"what this change does cannot be judged: {policy.reason}",
            fix=_way_out(policy),
            decided=False,
        )


def _way_out(policy: UndecidedPolicy) -> str:
    """What makes it known what a changed object does."""
    if not policy.unread:
        return UNKNOWN
    return state_revision(policy.reason) or UNREAD.format(policy.policy.kind)


def _violation(cause: Blame, changes: list[CallChange]) -> Violation:
    first = changes[0]
    total = sum(each.count for each in changes)
    how = ends(changes)
    calls = plural(total, "call")
    subject = f"{calls} of {callers(changes)} to {called(changes)}"
    if first.change is Change.LED_AWAY:
        verb = agree(total, "is", "are")
        message = f"{subject} {verb} led away by this change, to {destinations(changes)}: {how}"
    elif first.decided:
        verb = agree(total, "fails", "fail")
        message = f"{subject} {verb} after this change: {how}"
    else:
        message = f"{subject} may fail after this change: {how}; {first.reason}"
    return Violation(
        cause.resource,
        cause.path,
        message,
        related=cause.related,
        decided=first.decided,
        key=_key(first),
    )


def _key(first: CallChange) -> str:
    """What sets findings at one object apart."""
    if first.change is Change.LED_AWAY:
        return first.change
    return "" if first.decided else first.reason


RULE = Rule(
    id="TR004",
    name="breaks-call",
    severity=Severity.ERROR,
    summary="A call that counts works before the change and fails after it.",
    fix="`meshgate explain` tells who decides; change the other side first",
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
