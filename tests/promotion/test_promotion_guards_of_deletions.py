"""The guard of what is deleted, or edited so that it decides nothing: PR16."""

from __future__ import annotations

import pytest
from msgspec import structs

from guarded import (
    Change,
    Refused,
    allow,
    ask,
    assert_refuses,
    authorization,
    deny,
    effect_on,
    ids,
    many,
    messages,
    objects,
    with_effect,
)
from meshes import Object
from meshgate.effect import Change as EffectChange
from meshgate.effect.changes import Uncovered, UndecidedPolicy
from meshgate.mesh import Outcome
from meshgate.model import Resource
from meshgate.promotion.candidate import Candidate
from promotion_samples import call, clients, replace


def changed_policy(candidate: Candidate, before: Resource, *after: Resource) -> list[str]:
    """What PR16 says where no inventory tells what a policy decides."""
    stays = objects(candidate)
    found = ask("PR16", replace(candidate, before=(*stays, before), after=(*stays, *after)))
    return [line for refusal in found for line in refusal.details]


REFUSED: Refused = [
    ("PR16", lambda c: effect_on(c, [deny("a")], []), "AuthorizationPolicy/b/d is gone"),
    ("PR16", lambda c: effect_on(c, [deny("a")], [deny("x")]), "no longer denies what it denied"),
    ("PR16", lambda c: effect_on(c, [allow("b")], []), "AuthorizationPolicy/b/p is gone"),
    ("PR16", lambda c: replace(c, before=many(c, 10), after=many(c, 6)), "4 of 10 resources"),
    (
        "PR16",
        lambda c: replace(c, before=(*objects(c), authorization("DENY"))),
        "leaves something weaker",
    ),
    (
        "PR16",
        lambda c: replace(c, before=(*objects(c), authorization("ALLOW"))),
        "leaves something weaker",
    ),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_one_allow_of_several_may_go(candidate: Candidate) -> None:
    first = authorization("ALLOW")
    second = replace(first, name="b")
    before = (*objects(candidate), first, second)

    assert ask("PR16", replace(candidate, before=before, after=(*objects(candidate), second))) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([deny("a")], [{**deny("a"), "metadata": {"name": "e", "namespace": "b"}}]),
        ([allow("b")], [allow("a", "b")]),
        ([deny("a", "x")], [deny("a"), {**deny("x"), "metadata": {"name": "e", "namespace": "b"}}]),
    ],
    ids=["renamed", "more-allowed", "split"],
)
def test_what_denies_as_before_uncovers_nothing(
    candidate: Candidate, before: list[Object], after: list[Object]
) -> None:
    assert ask("PR16", effect_on(candidate, before, after)) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (10, 7, ""),
        (10, 6, "4 of 10 resources would go"),
        (4, 2, "2 of 4 resources would go"),
        # In a folder of three, two are not many.
        (3, 1, ""),
    ],
)
def test_how_much_may_go_at_once(
    candidate: Candidate, before: int, after: int, message: str
) -> None:
    fewer = replace(candidate, before=many(candidate, before), after=many(candidate, after))

    assert messages("PR16", fewer) == ([message] if message else [])


def test_what_goes_is_named(candidate: Candidate) -> None:
    fewer = replace(candidate, before=many(candidate, 4), after=many(candidate, 1))

    (refusal,) = ask("PR16", fewer)

    kind, place = str(objects(candidate)[0]).rsplit("/", 1)[0].split("/")
    assert refusal.details == tuple(f"{kind}/{place}/n{number}" for number in (1, 2, 3))


def test_what_a_deleted_policy_leaves_to_something_weaker_is_named(candidate: Candidate) -> None:
    assert candidate.effect is not None
    port = candidate.effect.tightened[0]
    gone, heir = objects(candidate)[:2]
    broken = call(clients("shop/a"), "cart", Outcome.OK_MTLS, Outcome.REFUSED, EffectChange.BREAKS)
    deleted = Uncovered(gone, True, None, ports=(port,), calls=(broken,))

    def details(uncovered: Uncovered) -> tuple[str, ...]:
        found = ask("PR16", with_effect(candidate, uncovered=(uncovered,)))
        return found[0].details if found else ()

    assert details(deleted) == (
        f"{gone}: calls to cart:8080 are left to a default",
        f"{gone}: {port} is left to a default",
    )
    assert details(structs.replace(deleted, now=heir))[1] == f"{gone}: {port} is left to {heir}"
    # An edit that uncovers ports has guards of its own.
    assert details(structs.replace(deleted, is_deleted=False)) == ()


def test_a_lifted_policy_is_told_with_an_example(candidate: Candidate) -> None:
    (gone,) = ask("PR16", effect_on(candidate, [deny("a")], []))
    (edited,) = ask("PR16", effect_on(candidate, [deny("a")], [deny("x")]))

    calls = "1 call gets in, to b/cart:8080, such as GET /"
    assert gone.details == (f"AuthorizationPolicy/b/d is gone: {calls}",)
    assert edited.details == (f"AuthorizationPolicy/b/d no longer denies what it denied: {calls}",)


def test_without_an_inventory_what_may_open_counts(candidate: Candidate) -> None:
    denying, allowing = authorization("DENY"), authorization("ALLOW")
    edited = Resource.of({**denying.value, "spec": {"action": "DENY", "rules": [{"to": []}]}})
    other_kind = Resource.of({**denying.value, "kind": "RequestAuthentication"})
    custom = authorization("CUSTOM")

    assert changed_policy(candidate, denying, denying) == []
    assert changed_policy(candidate, denying, edited) == [
        f"{denying}: what it refused (DENY) is let through"
    ]
    assert changed_policy(candidate, custom) == [
        f"{custom}: what it refused (CUSTOM) is let through"
    ]
    assert changed_policy(candidate, allowing) == [
        f"{allowing}: the last ALLOW of its scope is gone, so every request is let through"
    ]
    assert changed_policy(candidate, authorization("AUDIT")) == []
    assert changed_policy(candidate, other_kind) == []


@pytest.mark.parametrize(
    "scope",
    [
        {"selector": {"matchLabels": {"app": "cart"}}},
        {"targetRefs": [{"kind": "Service", "name": "cart"}]},
        {"targetRef": {"kind": "Service", "name": "cart"}},
    ],
    ids=lambda scope: next(iter(scope)),
)
def test_an_allow_of_another_scope_takes_no_place(
    candidate: Candidate, scope: dict[str, object]
) -> None:
    gone = authorization("ALLOW")
    scoped = Resource.of({**gone.value, "spec": {**gone.spec, **scope}})
    narrow, wide = replace(scoped, name="narrow"), replace(gone, name="wide")

    assert changed_policy(candidate, gone, narrow)
    assert changed_policy(candidate, scoped, wide)
    assert changed_policy(candidate, scoped, narrow) == []
    # What has no action allows.
    silent = Resource.of({**wide.value, "spec": {"rules": [{}]}})
    assert changed_policy(candidate, gone, silent) == []
    elsewhere = replace(wide, namespace="other")
    assert changed_policy(candidate, gone, elsewhere)


def test_of_a_policy_that_cannot_be_judged_what_may_open_counts(candidate: Candidate) -> None:
    twin = {**deny("a"), "metadata": {"name": "e", "namespace": "b"}}
    gone = effect_on(candidate, [deny("a"), twin], [twin])
    assert gone.effect is not None
    (policy,) = gone.effect.authorization

    assert ask("PR16", gone) == []  # the other one denies the same
    unknown = with_effect(gone, open_policies=(UndecidedPolicy(policy, "no inventory"),))
    (refusal,) = ask("PR16", unknown)
    assert refusal.details == (f"{policy}: what it refused (DENY) is let through",)
