"""A change that lets requests in which AuthorizationPolicies denied before.

What it checks
    Every call that the servers' proxies let in as far as TLS goes, before and after: the requests
    that policies of authorization allow afterwards and denied before, over all requests there can
    be. Asked for are the clients of the inventory and strangers: whoever proves no identity, any
    other workload of the mesh, and identities that policies name though nothing known runs under
    them; also at ports that no Service or container names (`*`). Each finding names who gets in,
    where, and one request as a witness. Changes are judged by what they do: an ALLOW policy that is
    deleted as the last one, a DENY that is narrowed, another service account of a client or another
    port name count as much as a new rule. It is an error where the environment sets
    `require.newAccess: reviewed`, else an information. Access that cannot be decided, as where an
    external authorizer is asked, is a warning.

    ```yaml
    # was methods: [GET]
    rules:
      - to:
          - operation:
              methods: [GET, DELETE]
    ```

Why it matters
    Nothing fails when somebody new gets in, so that nobody is told. A reviewer sees lines of YAML;
    who gets in by them depends on every other policy of the server.

How to fix
    Narrow the rule to what is wanted. `meshgate who-can` tells who gets in by now. Where the new
    access is meant, let those approve it whom `approvals.access` names, or set `newAccess: told`.

Known gaps
    A client that a change of PeerAuthentication lets in is reported by TR002.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import CallChange, Change
from meshgate.effect.describe import request
from meshgate.model import Severity
from meshgate.rules.blame import Blame, BlameIndex, called, callers
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.wording import plural

SHOWN = 3


def check(context: Context) -> Iterator[Violation]:
    effect = context.effect
    if effect is None:
        return
    is_reviewed = context.environment.require.new_access == "reviewed"
    causes = BlameIndex(effect)
    groups: dict[object, tuple[Blame, list[CallChange]]] = {}
    feared = [each for each in effect.open_calls if each.change is Change.OPENED]
    for each in (*effect.opened, *feared):
        cause = causes.of(each)
        key = cause.key, each.requests, each.decided, each.reason
        groups.setdefault(key, (cause, []))[1].append(each)
    for cause, changes in groups.values():
        yield _violation(cause, changes, is_reviewed=is_reviewed)


def _violation(cause: Blame, changes: list[CallChange], *, is_reviewed: bool) -> Violation:
    first = changes[0]
    count = sum(each.count for each in changes)
    calls = f"{plural(count, 'call')} of {callers(changes)} to {called(changes)}"
    what = "; ".join(first.requests[:SHOWN]) or "requests"
    if len(first.requests) > SHOWN:
        what += f" and {len(first.requests) - SHOWN} more"
    verb = "let in now, and denied before" if first.decided else "perhaps let in now"
    message = f"{calls}: {verb}: {what}"
    if first.witness is not None:
        message += f", such as {request(first.witness)}"
    if first.reason:
        message += f"; {first.reason}"
    return Violation(
        cause.resource,
        cause.path,
        message,
        related=cause.related,
        decided=first.decided,
        severity=None if is_reviewed else Severity.INFO,
        key="; ".join(first.requests),
    )


RULE = Rule(
    id="TR005",
    name="new-access",
    severity=Severity.ERROR,
    summary="A request that policies denied is let in: by whom, to what, with one as witness.",
    fix="`meshgate who-can` tells who gets in; narrow the rule, or have the access approved",
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
