"""A change that alters who gets in, though no AuthorizationPolicy of the server changes.

What it checks
    Each call of which requests are let in or denied now, where all policies that apply to the
    server are what they were: which of the things that policies go by has changed. These are
    the protocol of the port (the name or `appProtocol` of the Service's port), the labels of the
    server's pods, the client's identity (its account, namespace, trust domain, or that it proves
    none), the container's port, the trust domains and the path normalization of the mesh, and
    RequestAuthentications. A call that fails on both sides, refused by TLS before and denied
    after, got in by no policy and is left out.

    ```yaml
    # of a Service, whose pods a DENY by method protects
    ports:
      - name: tcp-web      # was http-web: now the DENY denies every connection
    ```

Why it matters
    The change touches no policy, so that nobody who reviews policies is asked. What it does to
    access is the same as if it did.

How to fix
    Let those review it who review policies, and change the policies with it where the old access
    is wanted.

Known gaps
    Where a policy of the server changes as well, TR004 and TR005 tell the whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from meshgate.effect import CallChange, CallState, Change
from meshgate.mesh import Admission, Outcome
from meshgate.model import ResourceRef, Severity
from meshgate.rules.blame import called, callers
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed
from meshgate.wording import plural

POLICY = "AuthorizationPolicy"
FIX = "let those review it who review policies; change the policies with it for the old access"


def check(context: Context) -> Iterator[Violation]:
    effect = context.effect
    if effect is None:
        return
    changed = {each.ref for each in effect.authorization}
    tokens = [each for each in effect.authorization if each.kind != POLICY]
    groups: dict[tuple[str, bool], list[CallChange]] = {}
    for each in effect.calls:
        if each.before is None or each.after is None or not alters_access(each):
            continue
        why = causes(each.before, each.after, changed)
        if why is not None:
            groups.setdefault((listed(why), is_opened(each)), []).append(each)
    for (known, opened), changes in groups.items():
        service = changes[0].service
        count = sum(each.count for each in changes)
        cause = known or listed(f"{each.kind} {each.namespace}/{each.name}" for each in tokens)
        if not cause:
            continue
        yield Violation(
            service if service is not None and not service.foreign else None,
            "spec" if service is not None and not service.foreign else "",
            f"{plural(count, 'call')} of {callers(changes)} to "
            f"{called(changes)}: {'let in' if opened else 'denied'} now for some request, and no "
            f"policy has changed, but {cause}",
            related=tuple(RelatedResource(each, "has changed") for each in tokens[:3])
            if not known
            else (),
            severity=None if opened else Severity.INFO,
            key=f"{cause}; {'opened' if opened else 'closed'}; {called(changes)}",
        )


def alters_access(each: CallChange) -> bool:
    """Whether policies let in other requests than before."""
    assert each.before is not None
    assert each.after is not None
    if each.change is Change.MOVED:
        return False  # what TLS refused before policies were asked got in by none of them
    denied = [state.outcome is Outcome.DENIED for state in (each.before, each.after)]
    return each.change in {Change.OPENED, Change.CLOSED} or denied[0] is not denied[1]


def is_opened(each: CallChange) -> bool:
    """Whether requests are let in that were denied."""
    assert each.before is not None
    return each.change is Change.OPENED or each.before.outcome is Outcome.DENIED


def causes(before: CallState, after: CallState, changed: set[ResourceRef]) -> list[str] | None:
    """What has changed besides policies; None: policies have, or none of them is asked."""
    old, new = before.admission, after.admission
    sides = [each for each in (old, new) if each is not None]
    if not sides or any(_is_changed(each, changed) for each in sides):
        return None
    if old is None or new is None:
        return ["which policies select the server: its labels, or its proxy"]
    return list(_differences(old, new))


def _is_changed(admission: Admission, changed: set[ResourceRef]) -> bool:
    applied = admission.authorization.applied(admission.server)
    return any(policy.resource.ref in changed for policy in applied.policies)


def _differences(old: Admission, new: Admission) -> Iterator[str]:
    """What policies go by that is not the same."""
    if old.connection.chain is not new.connection.chain:
        first, second = (each.connection.chain.upper() for each in (old, new))
        yield f"the protocol of the port, {first} before and {second} now"
    if old.server.labels != new.server.labels:
        yield "the labels of the server's pods"
    if old.server.enforcer is not new.server.enforcer:
        yield f"what enforces them, {old.server.enforcer} before and {new.server.enforcer} now"
    if _by_identity(old, new):
        proves = (
            "it proves none now"
            if new.connection.identity is None
            else "another account or namespace"
        )
        yield f"the client's identity: {proves}"
    if old.connection.port != new.connection.port:
        yield f"the container's port, {old.connection.port} before and {new.connection.port} now"
    if old.authorization.domains != new.authorization.domains:
        yield "the trust domains of the mesh"
    if old.authorization.normalization is not new.authorization.normalization:
        yield "the path normalization of the mesh"


def _by_identity(old: Admission, new: Admission) -> bool:
    """Whether the client's new identity alone makes the difference.

    Connections are those of one client of many, so that identities differ without a change, too.
    """
    identity = new.connection.identity
    if old.connection.identity == identity:
        return False
    connection = structs.replace(old.connection, identity=identity)
    return old.authorization.allowed(old.server, connection).allows is new.allows is not old.allows


RULE = Rule(
    id="TR008",
    name="access-changed-elsewhere",
    severity=Severity.WARNING,
    summary="Who gets in changes, though no AuthorizationPolicy does.",
    fix=FIX,
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
