"""Guards of the size of a step: from proxy to proxy, and from environment to environment."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec import structs

from guarded import (
    TODAY,
    Change,
    Refused,
    ask,
    assert_refuses,
    ids,
    on,
    unsafe,
    upstream,
    with_effect,
)
from meshgate.mesh import Mode
from meshgate.model import Acknowledgement, Resource
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import Event
from meshgate.promotion.ledger import Recorded
from meshgate.promotion.records import Effects, RecordedPort
from promotion_samples import replace

STRICT_SINCE = {"before": {"mode": "PERMISSIVE"}, "after": {"mode": "STRICT"}}


def jump(candidate: Candidate) -> Candidate:
    effect = candidate.effect
    assert effect is not None
    port = effect.tightened[0]
    disabled = replace(port, before=structs.replace(port.before, mode=Mode.DISABLE))
    return replace(candidate, effect=replace(effect, ports=(disabled,)))


def tightened_before(candidate: Candidate, *later: dict[str, object]) -> Candidate:
    """Four days ago the port came from DISABLE; records after that tell of other ports."""
    port: dict[str, object] = {
        "namespace": "shop",
        "workload": "cart",
        "port": 8080,
        "before": {"mode": "DISABLE"},
        "after": {"mode": "PERMISSIVE"},
    }
    record = candidate.base.records[-1]
    ledger = [
        Recorded(replace(record, sequence=number, effects=effects), "0" * 64)
        for number, effects in enumerate(
            [
                Effects("d", tightened=(port,)),  # type: ignore[arg-type] # a port
                None,
                *(Effects("d", tightened=({**port, **STRICT_SINCE, **each},)) for each in later),  # type: ignore[typeddict-item] # a port
            ],
            1,
        )
    ]
    soak = {Event.PROMOTE: dt.timedelta(days=7)}
    return on(on(candidate, "base", ledger=tuple(ledger)), "policy", soak=soak)


REFUSED: Refused = [
    ("PR14", jump, "1 port goes from DISABLE to STRICT"),
    ("PR18", lambda c: on(upstream(c, objects=()), "policy", unseen_fields=0), "1 field changes"),
]


@pytest.mark.parametrize(("guard", "change", "message"), REFUSED, ids=ids(REFUSED))
def test_a_guard_refuses(candidate: Candidate, guard: str, change: Change, message: str) -> None:
    assert_refuses(candidate, guard, change, message)


def test_permissive_must_have_soaked_here(candidate: Candidate) -> None:
    port: RecordedPort = {
        "namespace": "shop",
        "workload": "cart",
        "port": 8080,
        "before": {"mode": "DISABLE"},
        "after": {"mode": "PERMISSIVE"},
    }
    record = candidate.base.records[-1]
    tightened = replace(record, effects=Effects("d", tightened=(port,)))
    soaking = on(
        on(candidate, "base", ledger=(Recorded(tightened, "0" * 64),)),
        "policy",
        soak={Event.PROMOTE: dt.timedelta(days=7)},
    )

    (refusal,) = ask("PR14", soaking)

    assert refusal.waits
    assert "is PERMISSIVE for 4d only, of 7d" in refusal.message
    assert ask("PR14", on(soaking, "policy", soak={Event.PROMOTE: dt.timedelta(days=4)})) == []


def test_a_step_names_its_ports(candidate: Candidate) -> None:
    (refusal,) = ask("PR14", jump(candidate))

    assert refusal.details == ("shop/cart:8080",)
    assert candidate.effect is not None
    port = candidate.effect.tightened[0]
    half = replace(
        port,
        before=structs.replace(port.before, mode=Mode.DISABLE),
        after=structs.replace(port.after, mode=Mode.PERMISSIVE),
    )
    assert ask("PR14", with_effect(candidate, ports=(half,))) == []


def test_calls_that_may_fail_on_the_way_are_refused(candidate: Candidate) -> None:
    (refusal,) = ask("PR14", with_effect(candidate, unsafe=(unsafe(), unsafe(decided=False))))

    assert refusal.message == "2 calls may fail while the change spreads"
    assert refusal.details == ("cart:80: old client, new server",)
    # What is not decided is told by PR13.
    assert ask("PR14", with_effect(candidate, unsafe=(unsafe(decided=False),))) == []


@pytest.mark.parametrize(
    ("later", "waits"),
    [
        ((), True),
        (({"port": 9090},), True),
        (({"workload": "web"},), True),
        (({"namespace": "other"},), True),
        # It was tightened and loosened since: the last word is what it came from.
        ((STRICT_SINCE,), False),
    ],
    ids=["nothing", "another-port", "another-workload", "another-namespace", "the-same"],
)
def test_the_last_record_of_a_port_tells_since_when_it_is_permissive(
    candidate: Candidate, later: tuple[dict[str, object], ...], *, waits: bool
) -> None:
    soaking = tightened_before(candidate, *later)

    assert bool(ask("PR14", soaking)) is waits


@pytest.mark.parametrize("changed", [{"tree": "0" * 40}, {"release": "r-0"}])
def test_where_the_merge_is_not_known_the_soak_begins_now(
    candidate: Candidate, changed: dict[str, str]
) -> None:
    soaking = tightened_before(candidate)
    assert soaking.status is not None
    stays = [structs.replace(stay, **changed) for stay in soaking.status.deployments]
    unknown = on(soaking, "status", deployments=tuple(stays))

    for blind in (unknown, replace(soaking, status=None)):
        (refusal,) = ask("PR14", blind)
        assert "is PERMISSIVE for 0s only, of 7d" in refusal.message


def test_a_field_that_comes_changes_or_goes_is_tried_below(candidate: Candidate) -> None:
    before = candidate.before
    assert before is not None
    limited = on(candidate, "policy", unseen_fields=0)

    def untried(*after: Resource, below: tuple[Resource, ...]) -> tuple[str, ...]:
        found = ask("PR18", upstream(replace(limited, after=after), objects=below))
        return found[0].details if found else ()

    policy, rule = before
    spec = dict(policy.spec)
    more = Resource.of({**policy.value, "spec": {**spec, "selector": {"matchLabels": {"a": "b"}}}})
    fewer = Resource.of({key: value for key, value in policy.value.items() if key != "spec"})
    new = (f"{policy}#/spec/selector/matchLabels/a",)
    gone = (f"{policy}#/spec/mtls/mode",)

    assert untried(more, rule, below=(policy, rule)) == new
    assert untried(more, rule, below=(more,)) == ()
    assert untried(fewer, rule, below=(policy, rule)) == gone
    assert untried(fewer, rule, below=()) == ()  # there it is gone, too


def test_what_any_environment_before_has_was_tried(candidate: Candidate) -> None:
    limited = on(candidate, "policy", unseen_fields=0)
    (there,) = limited.upstream
    nothing = structs.replace(there, objects=())

    assert ask("PR18", replace(limited, upstream=(nothing, there))) == []
    assert ask("PR18", replace(limited, upstream=(nothing,)))
    assert ask("PR18", replace(limited, upstream=())) == []
    assert ask("PR18", on(replace(limited, upstream=(nothing,)), "base", state=None)) == []
    (refusal,) = ask("PR18", replace(limited, upstream=(structs.replace(there, objects=None),)))
    assert refusal.message == "not known: the render for staging"


def test_what_was_never_tried_passes_within_its_limit_or_as_exactly_that_set(
    candidate: Candidate,
) -> None:
    never = upstream(candidate, objects=())
    (refusal,) = ask("PR18", on(never, "policy", unseen_fields=0))
    digest = refusal.hint.partition("breaks: ")[2].partition(",")[0]
    ack = Acknowledgement(candidate.release, digest, "team", "known", TODAY)
    accepted = on(never, "environment", acknowledgements=(ack,))

    assert refusal.message == "1 field changes to what no environment before has, at most 0"
    assert ask("PR18", on(never, "policy", unseen_fields=1)) == []
    assert ask("PR18", on(accepted, "policy", unseen_fields=0)) == []
