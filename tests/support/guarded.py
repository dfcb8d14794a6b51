"""Ask guards of a candidate that is varied as a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct, structs

from judged import NOW
from meshes import Object, shop, thing
from meshgate.effect import effect
from meshgate.effect.changes import Unsafe
from meshgate.mesh import Outcome
from meshgate.model import Resource
from meshgate.model.environment import Floor, RequiredApprovals, ReviewTeams
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.clocks import Clocks
from meshgate.promotion.environment_state import Hold
from meshgate.promotion.files import FileChange
from meshgate.promotion.guards import Refusal, refusals
from promotion_samples import clients, replace, state

TODAY = NOW.date()
YESTERDAY = TODAY - dt.timedelta(days=1)
TOMORROW = TODAY + dt.timedelta(days=1)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
PA = "rendered/prod/istio-system/peerauthentication-default.yaml"
LEDGER = "promotion/ledger/prod"
STATE = "promotion/state/prod.yaml"

# A guard, what is done to the good promotion, and a part of what the guard then says.
Change: TypeAlias = Callable[[Candidate], Candidate]
Refused: TypeAlias = list[tuple[str, Change, str]]


def ids(cases: Refused) -> list[str]:
    return [f"{guard}-{number}" for number, (guard, _, _) in enumerate(cases)]


def assert_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    found = ask(guard, change(candidate))

    texts = [" ".join((refusal.message, *refusal.details)) for refusal in found]
    assert any(message in each for each in texts), found
    assert all(refusal.hint and not refusal.broken for refusal in found)


def ask(guard: str, candidate: Candidate) -> list[Refusal]:
    return refusals(candidate, [guard])


def messages(guard: str, candidate: Candidate) -> list[str]:
    """What a guard says, in its order."""
    return [refusal.message for refusal in ask(guard, candidate)]


def on(candidate: Candidate, part: str, **changes: object) -> Candidate:
    """The candidate with some fields of one of its parts changed: `base.state`."""
    first, _, rest = part.partition(".")
    value = getattr(candidate, first)
    if rest:
        changes = {rest: replace(getattr(value, rest), **changes)}
    replaced = structs.replace if isinstance(value, Struct) else replace
    return replace(candidate, **{first: replaced(value, **changes)})


def changed(candidate: Candidate, *changes: FileChange) -> Candidate:
    return replace(candidate, changed=(*candidate.changed, *changes))


def clocks(candidate: Candidate, **times: object) -> Candidate:
    return replace(candidate, clocks=Clocks(**times))  # type: ignore[arg-type] # of its fields


def upstream(candidate: Candidate, **changes: object) -> Candidate:
    standing = replace(candidate.upstream[0], **changes)
    return replace(candidate, upstream=(standing,))


def unseen(candidate: Candidate) -> Candidate:
    """Staging never had the release, and would change by it."""
    return upstream(candidate, deployments=(), would_render="0" * 64)


def objects(candidate: Candidate) -> tuple[Resource, ...]:
    assert candidate.after is not None
    return candidate.after


def allow(*namespaces: str, name: str = "p") -> Object:
    rule = {"from": [{"source": {"namespaces": list(namespaces)}}]}
    return thing("security.istio.io/v1", "AuthorizationPolicy", name, "b", spec={"rules": [rule]})


def deny(*namespaces: str) -> Object:
    policy = allow(*namespaces, name="d")
    return {**policy, "spec": {**policy["spec"], "action": "DENY"}}


def effect_on(candidate: Candidate, before: list[Object], after: list[Object]) -> Candidate:
    """The same with an effect of policies of the shop, by the model alone."""
    sides = [tuple(map(Resource.of, objects)) for objects in (before, after)]
    return replace(
        candidate,
        effect=effect(shop(*before), shop(*after)),
        before=(*objects(candidate), *sides[0]),
        after=(*objects(candidate), *sides[1]),
    )


def many(candidate: Candidate, count: int) -> tuple[Resource, ...]:
    first = objects(candidate)[0]
    return tuple(replace(first, name=f"n{number}") for number in range(count))


def authorization(action: str) -> Resource:
    return Resource.of(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"action": action, "rules": [{}]},
        }
    )


def hold(candidate: Candidate, **more: object) -> Candidate:
    source_of = Hold(NOW, "ops", "an incident", **more)  # type: ignore[arg-type] # fields
    return on(on(candidate, "base.state", hold=source_of), "head.state", hold=source_of)


def opened(candidate: Candidate, teams: tuple[str, ...] = ("access",)) -> Candidate:
    """Namespace `a` gets in, where new access is reviewed."""
    approvals = RequiredApprovals(access=ReviewTeams(teams) if teams else None)
    asking = on(candidate, "policy", approvals=approvals)
    asking = on(asking, "environment", require=Floor(new_access="reviewed"))
    return effect_on(asking, [allow("b")], [allow("a", "b")])


def without(candidate: Candidate, path: str) -> Candidate:
    files = {name: data for name, data in candidate.head.files.items() if name != path}
    return on(candidate, "head", files=files)


def with_file(candidate: Candidate, path: str, data: bytes) -> Candidate:
    return on(candidate, "head", files={**candidate.head.files, path: data})


def first_record(candidate: Candidate) -> str:
    return candidate.base.records[0].path


def with_effect(candidate: Candidate, **changes: object) -> Candidate:
    return replace(candidate, effect=replace(candidate.effect, **changes))


def unsafe(**changes: object) -> Unsafe:
    """Calls that work before and after, and not in between."""
    before, after = state(Outcome.OK_PLAINTEXT), state(Outcome.OK_MTLS)
    call = Unsafe(
        *(clients("shop/a", "shop/b"), "cart", 80, before, after),
        *("old client, new server", Outcome.REFUSED, None, None),
        counts=True,
    )
    return structs.replace(call, **changes)
