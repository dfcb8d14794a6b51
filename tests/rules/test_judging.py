"""How rules are asked: waivers, the baseline, severities, fingerprints, and the order of it all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from msgspec import structs

from conftest import TODAY
from meshgate.errors import MeshgateError, RuleError, UsageError
from meshgate.model import (
    BaselineEntry,
    Environment,
    Finding,
    Position,
    Resource,
    ResourceIndex,
    Severity,
    Waiver,
)
from meshgate.rules.context import Context
from meshgate.rules.judge import judge, order
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation

DAY = dt.date.fromisoformat(TODAY)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
SERVICE = Resource.of(
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "shop"}}
)
VIOLATION = Violation(SERVICE, "spec.host", "it is wrong")
WAIVER = Waiver(rule="XX001", resource="Service/shop/cart", owner="o", reason="r", expires=DAY)
Check = Callable[[Context], Iterator[Violation]]


def rule(*violations: Violation, **more: object) -> Rule:
    """A rule that says the same whatever it is asked."""
    settings: dict[str, object] = {
        "id": "XX001",
        "name": "bad-pattern",
        "severity": ERROR,
        "summary": "s",
        "fix": "mend it",
        "needs": Needs.POLICIES,
        "kinds": frozenset(),
        "check": lambda _: iter(violations),
    }
    return Rule(**settings | more)  # type: ignore[arg-type] # fields


def judged(*rules: Rule, today: dt.date = DAY, **environment: object) -> list[Finding]:
    """What these rules find in an environment named `prod`."""
    settings: dict[str, object] = {"name": "prod"} | environment
    context = Context(
        environment=Environment(**settings),  # type: ignore[arg-type] # fields
        resources=ResourceIndex(()),
        today=today,
    )
    return judge(context, rules, lambda resource, path: Position(f"{resource.name}/{path}", 1, 1))


def test_a_finding_tells_all_of_its_violation() -> None:
    other = RelatedResource(structs.replace(SERVICE, name="other"), "beside it", "spec")
    seen = structs.replace(VIOLATION, related=(other,))

    (finding,) = judged(rule(seen))

    assert (finding.rule, finding.name, finding.severity) == ("XX001", "bad-pattern", ERROR)
    assert (finding.message, finding.fix) == ("it is wrong", "mend it")
    assert (finding.environment, str(finding.resource)) == ("prod", "Service/shop/cart")
    assert finding.source == Position("cart/spec.host", 1, 1)
    (related,) = finding.related
    assert (str(related.resource), related.message) == ("Service/shop/other", "beside it")
    assert related.source == Position("other/spec", 1, 1)


def test_a_violation_may_know_its_repair_and_its_place_better() -> None:
    place = Position("overlays/prod/kustomization.yaml", 3, 1)
    (known,) = judged(rule(structs.replace(VIOLATION, fix="do this", source=place)))
    (nowhere,) = judged(rule(structs.replace(VIOLATION, resource=None)), name="")

    assert (known.fix, known.source) == ("do this", place)
    assert (nowhere.source, nowhere.resource, nowhere.environment) == (None, None, None)


@pytest.mark.parametrize(
    ("violation", "severities", "expected"),
    [
        ({}, {}, ERROR),
        ({"severity": WARNING}, {}, WARNING),
        ({"severity": WARNING}, {"XX001": ERROR}, ERROR),
        ({"severity": WARNING}, {"XX002": ERROR}, WARNING),
        # An environment may raise, and never lower.
        ({}, {"XX001": INFO}, ERROR),
        ({"severity": INFO}, {"XX001": WARNING}, WARNING),
        # What is not managed here, or cannot be decided, can only be warned of.
        ({"decided": False}, {}, WARNING),
        ({"decided": False, "severity": INFO}, {}, INFO),
        ({"decided": False, "severity": WARNING}, {"XX001": ERROR}, WARNING),
        ({"resource": structs.replace(SERVICE, foreign=True)}, {}, WARNING),
        ({"resource": None}, {}, ERROR),
    ],
    ids=str,
)
def test_how_grave_a_finding_is(
    violation: dict[str, object], severities: dict[str, Severity], expected: Severity
) -> None:
    (finding,) = judged(rule(structs.replace(VIOLATION, **violation)), severities=severities)

    assert finding.severity is expected


@pytest.mark.parametrize(
    ("waiver", "covers"),
    [
        ({}, True),
        ({"expires": DAY - dt.timedelta(days=1)}, False),
        ({"rule": "XX002"}, False),
        ({"resource": "Service/shop/other"}, False),
        ({"path": "spec.host"}, True),
        ({"path": "spec.other"}, False),
        # The file is named where there is no object.
        ({"resource": None, "path": "cart"}, False),
    ],
    ids=str,
)
def test_a_waiver_accepts_the_finding_that_it_names(
    waiver: dict[str, object], *, covers: bool
) -> None:
    accepted = structs.replace(WAIVER, **waiver)
    (finding,) = judged(rule(VIOLATION), waivers=(accepted,))

    assert finding.waiver == (accepted if covers else None)


def test_a_waiver_of_a_file_accepts_what_is_about_no_object() -> None:
    place = Position("overlays/prod/kustomization.yaml", 1, 1)
    waiver = structs.replace(WAIVER, resource=None, path="overlays/prod")
    about_file = structs.replace(VIOLATION, resource=None, source=place)

    assert [one.waiver for one in judged(rule(about_file), waivers=(waiver,))] == [waiver]
    nowhere = structs.replace(about_file, source=None)
    assert [one.waiver for one in judged(rule(nowhere), waivers=(waiver,))] == [None]


def test_the_first_waiver_that_covers_a_finding_is_its_own() -> None:
    over = structs.replace(WAIVER, expires=DAY - dt.timedelta(days=1))
    second = structs.replace(WAIVER, owner="another")

    (finding,) = judged(rule(VIOLATION), waivers=(over, second, WAIVER))

    assert finding.waiver == second


@pytest.mark.parametrize("first", [0, 1])
def test_what_may_not_be_waived_is_not(first: int) -> None:
    both = (rule(VIOLATION), rule(VIOLATION, id="XX002", waivable=False))
    waivable, firm = both[first], both[1 - first]
    waivers = (WAIVER, structs.replace(WAIVER, rule="XX002"))

    found = judged(waivable, firm, waivers=waivers)

    assert [(one.rule, one.waiver) for one in found] == [("XX001", WAIVER), ("XX002", None)]
    baseline = [BaselineEntry(fingerprint=one.fingerprint, rule=one.rule) for one in found]
    again = judged(waivable, firm, baseline=tuple(baseline))
    assert [one.waiver is not None for one in again] == [True, False]


@pytest.mark.parametrize(
    ("entry", "is_known"),
    [({}, True), ({"rule": "XX002"}, False), ({"fingerprint": "0" * 32}, False)],
    ids=str,
)
def test_the_baseline_knows_a_finding_by_its_print_and_its_rule(
    entry: dict[str, str], *, is_known: bool
) -> None:
    (finding,) = judged(rule(VIOLATION))
    known = BaselineEntry(fingerprint=finding.fingerprint, rule="XX001")
    known = structs.replace(known, **entry)

    (again,) = judged(rule(VIOLATION), baseline=(known,))

    assert (again.waiver is not None) is is_known
    # Somebody's word is more than that it was there before.
    (waived,) = judged(rule(VIOLATION), baseline=(known,), waivers=(WAIVER,))
    assert waived.waiver == WAIVER


def test_rules_of_waivers_are_asked_last_and_know_which_were_used() -> None:
    asked: list[Context] = []

    def check(context: Context) -> Iterator[Violation]:
        asked.append(context)
        yield structs.replace(VIOLATION, path="waivers")

    late = rule(id="WA001", phase=Phase.WAIVER, check=check)
    second = structs.replace(VIOLATION, path="spec.second")
    early = rule(VIOLATION, second)
    (known,) = [one for one in judged(early) if one.path == "spec.second"]
    entry = BaselineEntry(fingerprint=known.fingerprint, rule="XX001")
    used = structs.replace(WAIVER, path="spec.host")
    unused = structs.replace(WAIVER, path="spec.unused")

    found = judged(late, early, waivers=(used, unused), baseline=(entry,))

    assert [one.rule for one in found] == ["XX001", "XX001", "WA001"]
    (context,) = asked
    assert context.used_waivers == {used}
    assert context.used_baseline == {known.fingerprint}


def test_a_print_tells_violations_apart_that_look_alike() -> None:
    alike = {finding.fingerprint for finding in judged(rule(*[VIOLATION] * 3))}
    (alone,) = judged(rule(VIOLATION))
    changed = [
        structs.replace(VIOLATION, path="spec.other"),
        structs.replace(VIOLATION, key="k"),
        structs.replace(VIOLATION, resource=structs.replace(SERVICE, name="other")),
        structs.replace(VIOLATION, resource=None, source=Position("a.yaml", 1, 1)),
        structs.replace(VIOLATION, resource=None, source=Position("b.yaml", 1, 1)),
        structs.replace(VIOLATION, resource=None),
    ]
    prints = [judged(rule(one))[0].fingerprint for one in changed]

    assert alone.fingerprint in alike
    assert len({*alike, *prints}) == 3 + len(prints)
    # No line and no wording is in it.
    moved = structs.replace(changed[3], message="other words", source=Position("a.yaml", 9, 9))
    assert judged(rule(moved))[0].fingerprint == prints[3]
    assert judged(rule(VIOLATION), name="dev")[0].fingerprint != alone.fingerprint
    assert judged(rule(VIOLATION, id="XX002"))[0].fingerprint != alone.fingerprint


def test_a_rule_that_raises_is_no_silence() -> None:
    def fail(_: Context) -> Iterator[Violation]:
        raise ValueError("out of cheese")

    with pytest.raises(RuleError, match=r"rule XX001 \(bad-pattern\) failed on environment prod"):
        judged(rule(check=fail))
    with pytest.raises(RuleError, match="environment given on the command line: ValueError"):
        judged(rule(check=fail), name="")


def test_an_error_with_a_way_out_of_its_own_is_told_as_it_is() -> None:
    own: MeshgateError = UsageError("there is no such host")

    def fail(_: Context) -> Iterator[Violation]:
        raise own

    with pytest.raises(UsageError) as raised:
        judged(rule(check=fail))
    assert raised.value is own


def test_findings_are_told_by_environment_place_and_rule() -> None:
    base = Finding("XX001", "n", ERROR, "m", "f", source=Position("a.yaml", 2, 1))
    ordered = [
        base,
        structs.replace(base, message="n"),
        structs.replace(base, path="spec"),
        structs.replace(base, resource=SERVICE.ref),
        structs.replace(base, rule="XX002"),
        structs.replace(base, source=Position("a.yaml", 10, 1)),
        structs.replace(base, source=Position("b.yaml", 1, 1)),
        structs.replace(base, source=None),
        structs.replace(base, environment="dev"),
    ]

    shuffled = [*ordered[1::2], *ordered[::2]]
    assert sorted(shuffled, key=order) == ordered


def test_every_waiver_that_covers_something_is_used() -> None:
    """What the rules on exceptions are told: not the first one alone, and none that covers none."""
    told: list[frozenset[Waiver]] = []

    def listen(context: Context) -> Iterator[Violation]:
        told.append(context.used_waivers)
        return iter(())

    waivers = tuple(structs.replace(WAIVER, rule=name) for name in ("XX001", "XX002", "XX003"))
    last = rule(id="XX009", phase=Phase.WAIVER, check=listen)

    judged(rule(VIOLATION), rule(VIOLATION, id="XX002"), rule(id="XX003"), last, waivers=waivers)

    assert told == [frozenset(waivers[:2])]
