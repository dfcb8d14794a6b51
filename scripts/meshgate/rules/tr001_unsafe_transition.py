"""A change that breaks calls on the way, though they work before and after it.

What it checks
    Every call that works under the old and under the new configuration is tried in both mixed
    states: a client that still sends what it sent against a server that has the change, and a
    client that has the change against a server that has not. Both must work. A change of what a
    sidecar does not see, such as the labels of a pod, is not taken apart. And a route to a subset
    that is defined, or removed, by the same change: a proxy gets clusters and routes one after the
    other, and answers 503 (no cluster) in between.

    ```yaml
    # before: DISABLE, after:
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: default
      namespace: boards
    spec:
      mtls:
        mode: STRICT
    ```

Why it matters
    istiod hands a change to each proxy by itself, and no order is promised. From DISABLE to STRICT
    a server refuses plaintext while clients still send it: for seconds or, where a proxy lags, for
    minutes, every call may fail. Before and after look fine, so no review of either finds it.

How to fix
    Take steps that fit, each its own change, and wait after each until every proxy has it. A
    PERMISSIVE server takes plaintext and mTLS: go through it. Where auto mTLS would make clients
    send mTLS at once, hold them to plaintext by a DestinationRule with DISABLE until every server
    is PERMISSIVE. `meshgate steps` writes the steps down.

Known gaps
    Of what one proxy gets, clusters come before routes; other orders within it are not looked at.
    A ServiceEntry and the route to it in one change are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import NEW_ROUTES, OLD_ROUTES, Unsafe
from meshgate.model import Severity
from meshgate.rules.blame import Blame, BlameIndex, called, callers
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.wording import listed

# Where one proxy's clusters and routes do not fit: the two objects go in changes of their own.
SPLIT = {
    NEW_ROUTES: "split it: define the subset first, in a change of its own, then route to it",
    OLD_ROUTES: "split it: take the route away first, in a change of its own, then the subset",
}


def check(context: Context) -> Iterator[Violation]:
    effect = context.effect
    if effect is None or effect.is_safe:
        return
    causes = BlameIndex(effect)
    groups: dict[object, tuple[Blame, list[Unsafe]]] = {}
    for each in effect.unsafe:
        cause = causes.of(each)
        key = cause.key, each.decided, each.reason, each.combination in SPLIT
        groups.setdefault(key, (cause, []))[1].append(each)
    for cause, unsafe in groups.values():
        first = unsafe[0]
        certain = first.decided
        fails = "fail" if certain and first.combination not in SPLIT else "may fail"
        how = listed(dict.fromkeys(f"{each.outcome} ({each.combination})" for each in unsafe))
        yield Violation(
            cause.resource,
            cause.path,
            f"calls of {callers(unsafe)} to {called(unsafe)} work before and after this change and "
            f"{fails} on the way: {how}" + ("" if certain else f"; {first.reason}"),
            fix=SPLIT.get(first.combination, ""),
            related=cause.related,
            decided=certain,
            key="" if certain else first.reason,
        )


RULE = Rule(
    id="TR001",
    name="unsafe-transition",
    severity=Severity.ERROR,
    summary="Calls that work before and after the change fail on the way.",
    fix="take it in steps that fit, each its own change; `meshgate steps` writes them down",
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
