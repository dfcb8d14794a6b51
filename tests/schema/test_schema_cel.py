"""The CEL rules of the CRDs."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from meshgate.errors import RuleError
from meshgate.model import JSON, JSONObject, Resource
from meshgate.schema import catalog, check, golang
from meshgate.schema.cel_rules import FUNCTIONS, CelRule, cel_library
from meshgate.schema.crd_rules import demands_of

MINORS = ("1.28", "1.29", "1.30", "1.31")
# What the library itself brings; everything else must be registered.
OWN = {
    "all",
    "contains",
    "endsWith",
    "exists",
    "exists_one",
    "has",
    "in",
    "int",
    "matches",
    "size",
    "startsWith",
}


def rules(minor: str) -> Iterator[JSONObject]:
    """Every CEL rule of every kind of one Istio version."""
    for (group, _), kind in catalog.catalog_of(minor).kinds.items():
        if group.endswith(".istio.io"):
            yield from rules_of(kind.schema())


def rules_of(schema: JSONObject) -> Iterator[JSONObject]:
    yield from schema.get("x-kubernetes-validations", ())
    for below in schema.get("properties", {}).values():
        yield from rules_of(below)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from rules_of(schema[word])


@pytest.mark.parametrize("minor", MINORS)
def test_every_rule_compiles_and_calls_only_what_there_is(minor: str) -> None:
    cel = cel_library()
    found = list(rules(minor))
    known = OWN | FUNCTIONS.keys()

    for rule in found:
        called = cel.compile(rule["rule"]).references()["functions"]
        names = {name for name in called if not name.startswith("_") and name.isidentifier()}
        assert names - known - {"duration"} == set(), rule
        assert CelRule(rule).applies
        # Field names that CEL reserves are written __so__; none of the rules needs it.
        assert "__" not in rule["rule"]
    assert len(found) > 100


def test_the_walk_reaches_every_rule() -> None:
    for kind in catalog.catalog_of("1.31").kinds.values():
        assert counted(demands_of(kind.schema())) == len(list(rules_of(kind.schema())))


def counted(demands: JSON) -> int:
    if demands is None:
        return 0
    below = list(demands.fields.values())
    below += [node for node in (demands.items, demands.values) if node is not None]
    return len(demands.rules) + sum(counted(node) for node in below)


def rule(source: str, message: str = "no") -> CelRule:
    return CelRule({"rule": source, "message": message})


def test_a_rule_that_does_not_compile_ends_the_run() -> None:
    with pytest.raises(RuleError, match="does not compile") as raised:
        rule("self.(").refusal({})

    assert raised.value.exit_code == 70


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("self.missing == 1", {}),
        ("unknownFunction(self)", "x"),
        ("self + 1 > 0", "x"),
        ("int(self) > 0", "x"),
        ("self", "not a boolean"),
        ("self.size()", "abc"),
    ],
)
def test_a_rule_without_an_answer_is_no_pass(source: str, value: JSON) -> None:
    refusal = rule(source).refusal(value)

    assert refusal is not None
    assert refusal.startswith("no")


def test_a_rule_about_a_change_is_left_out() -> None:
    schema = {"x-kubernetes-validations": [{"rule": "self == oldSelf"}]}

    assert demands_of(schema) is None


def test_a_rule_without_a_message_shows_itself() -> None:
    assert CelRule({"rule": "self > 1"}).refusal(0) == "fails the rule `self > 1`"


def test_answers_are_kept_by_value_and_type() -> None:
    positive = rule("self > 0")

    assert [positive.refusal(value) for value in (1, 0, 1, True)][:3] == [None, "no", None]
    assert positive.refusal(True) is not None


def test_a_rule_over_keys_answers_by_keys_alone() -> None:
    keys = rule('self.all(key, !key.contains("*"))')

    assert keys.refusal({"a": 1}) is None
    assert keys.refusal({"a": 2, "*": 1}) == "no"
    assert len(keys._answers) == 2  # noqa: SLF001 - what is kept is what is tested
    assert keys.refusal({"a": 3}) is None
    assert len(keys._answers) == 2  # noqa: SLF001


def test_a_rule_over_entries_sees_the_entries() -> None:
    numbers = rule("self.all(l1, self.exists_one(l2, l1.number == l2.number))")

    assert numbers.refusal([{"number": 1}, {"number": 2}]) is None
    assert numbers.refusal([{"number": 1}, {"number": 1}]) == "no"


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1ms", 10**6),
        ("1.5s", 15 * 10**8),
        (".5s", 5 * 10**8),
        ("5.s", 5 * 10**9),
        ("1h1m1s", 3661 * 10**9),
        ("-1s", -(10**9)),
        ("+1s", 10**9),
        ("1µs", 1000),
        ("1ns", 1),
    ],
)
def test_durations_as_go_reads_them(text: str, nanoseconds: int) -> None:
    assert golang.duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "1d", "1e3s", "1h 2m", "s", ".s", "1s ", "10000000000h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        golang.duration(text)
    assert rule("duration(self) >= duration('1ms')").refusal(text) is not None


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("https://a.example.com/keys", "https"),
        ("HTTP://a", "http"),
        ("/path", ""),
        ("mailto:x", "mailto"),
        ("http://[::1]:80/", "http"),
    ],
)
def test_urls_as_go_reads_them(text: str, scheme: str) -> None:
    assert golang.request_uri(text) == scheme


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        ":x",
        "http://a b",
        "http://a:b/",
        "http://[1.2.3.4]/",
        "http://a:1:2/",
        "http://%zz",
        "http://a\n",
        "http://x@[::1",
    ],
)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        golang.request_uri(text)


def test_the_librarys_command_line_is_not_loaded() -> None:
    cel_library()

    assert "cel.cli" not in sys.modules


def test_the_librarys_own_log_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    rule("duration(self) > duration('1ms')").refusal("never")

    assert caplog.records == []


def test_the_crds_message_and_the_exact_place_are_told() -> None:
    value = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "a"},
        "spec": {"selector": {"matchLabels": {"app": "x*"}}},
    }

    [violation] = check([Resource.of(value)], istio="1.31", engine="jsonschema", allowed=None)

    assert violation.rule == "SH003"
    assert violation.path == "spec.selector.matchLabels.app"
    assert violation.message == "wildcard not allowed in label value match"
