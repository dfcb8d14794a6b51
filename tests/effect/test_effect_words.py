"""An effect in words: who calls, where to, what of requests, and how good that is."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshgate.effect import Change, Effect, describe
from meshgate.effect.describe import Tone
from meshgate.effect.grouping import CallLine, call_lines, everybody, port_lines
from meshgate.mesh import DataPlane, Outcome, Request
from promotion_samples import EFFECT, HOST, call, clients

SIDECAR, OUTSIDE = DataPlane.SIDECAR, DataPlane.NONE


def line(*names: str, plane: DataPlane = SIDECAR, change: Change = Change.BREAKS) -> CallLine:
    group = clients(*names, plane=plane)
    (found,) = call_lines([call(group, HOST, Outcome.OK_MTLS, Outcome.REFUSED, change)])
    return found


def names(count: int, *places: str) -> list[str]:
    return [f"{places[number % len(places)]}/c{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("who", "plane", "total", "text"),
    [
        (names(1, "a"), SIDECAR, 9, "a/c0"),
        (names(3, "a", "b"), SIDECAR, 9, "a/c0, b/c1, a/c2"),
        (names(12, "a"), SIDECAR, 99, "12 clients with a sidecar in a"),
        (names(12, "a", "b", "c"), SIDECAR, 99, "12 clients with a sidecar in 3 namespaces"),
        (names(12, "a", "b"), SIDECAR, 12, "all 12 clients with a sidecar"),
        (names(1, "a"), OUTSIDE, 9, "a/c0 (no sidecar)"),
    ],
)
def test_clients_are_named_where_they_are_few(
    who: list[str], plane: DataPlane, total: int, text: str
) -> None:
    shown = describe.who(line(*who, plane=plane), {plane: total})
    expected = {
        "clients with a sidecar": describe.CLIENTS[SIDECAR],
        "no sidecar": describe.PLANES[OUTSIDE],
    }
    for words, own in expected.items():
        text = text.replace(words, own)

    assert shown == text


def test_everybody_of_a_sort_is_all_that_there_are() -> None:
    three = line(*names(3, "a"))

    assert everybody(three, {SIDECAR: 3})
    assert not everybody(three, {SIDECAR: 4})
    assert not everybody(three, {OUTSIDE: 3})
    three.clients.label = "anybody"
    assert not everybody(three, {SIDECAR: 3})


REQUEST = Request("GET", "/orders/1", "cart", {"x-user": "a"})


@pytest.mark.parametrize(
    ("change", "verb", "tone"),
    [
        (Change.OPENED, "is let in", Tone.BAD),
        (Change.CLOSED, "is narrowed", None),
    ],
)
def test_who_is_let_in_is_no_good_news(change: Change, verb: str, tone: Tone | None) -> None:
    change_ = structs.replace(
        call(clients("a/b"), HOST, Outcome.OK_MTLS, Outcome.OK_MTLS, change),
        witness=REQUEST,
        requests=("GET /orders/*",),
    )

    (sentence,) = describe.access_sentences(Effect(calls=(change_,)))

    assert verb in sentence.text
    assert sentence.text.endswith("GET /orders/*, such as GET /orders/1 with x-user: a")
    assert sentence.tone is (tone or describe.VERBS[change].tone)


def test_of_requests_the_opened_come_first_and_only_what_was_asked_for() -> None:
    def one(change: Change, *, decided: bool = True) -> object:
        base = call(clients("a/b"), HOST, Outcome.OK_MTLS, Outcome.OK_MTLS, change)
        return structs.replace(base, witness=REQUEST, decided=decided)

    closed, opened = one(Change.CLOSED), one(Change.OPENED)
    silent = call(clients("a/b"), HOST, Outcome.OK_MTLS, Outcome.REFUSED, Change.BREAKS)
    perhaps = one(Change.OPENED, decided=False)
    found = Effect(calls=(closed, opened, silent), open_calls=(perhaps,))  # type: ignore[arg-type] # calls

    def verbs(*changes: Change, undecided: bool = False) -> list[str]:
        sentences = describe.access_sentences(found, *changes, undecided=undecided)
        return [each.text.partition(f"{HOST}:8080 ")[2].partition(":")[0] for each in sentences]

    assert verbs() == ["is let in", "is narrowed"]
    assert verbs(Change.CLOSED) == ["is narrowed"]
    assert verbs(Change.BREAKS) == [describe.VERBS[Change.BREAKS].one]
    assert len(verbs(undecided=True)) == 3
    assert len(verbs(Change.OPENED, undecided=True)) == 2


@pytest.mark.parametrize("count", [4, 5, 6, 7, 8, 9])
def test_many_requests_are_shown_in_part(count: int) -> None:
    shown = line("a/b")
    shown.requests = tuple(f"r{number}" for number in range(count))
    more = count - describe.PORTS

    text = describe.access(shown)

    assert text.startswith("; ".join(shown.requests[: describe.PORTS]))
    assert text.endswith(f" and {more} more") is (more > 0)


def test_calls_are_told_gravest_first_and_ports_that_get_weaker_first() -> None:
    found = call_lines(EFFECT.calls)
    ports = port_lines(EFFECT.ports)

    assert [each.change for each in found] == ["breaks", "shut-out", "moved"]
    assert [each.count for each in found] == [1, 12, 1]
    assert [(each.first.change.value, len(each.ports)) for each in ports] == [
        ("loosened", 1),
        ("tightened", 2),
    ]
    one = call(clients("a/b"), HOST, Outcome.OK_MTLS, Outcome.REFUSED, Change.BREAKS)
    uncounted = structs.replace(one, counts=False)
    more = structs.replace(one, clients=clients(*names(2, "a")), reason="why")
    assert [(each.counts, each.count) for each in call_lines([uncounted, one, more])] == [
        (True, 2),
        (True, 1),
        (False, 1),
    ]


def test_calls_to_many_namespaces_are_one_line_and_to_few_one_each() -> None:
    def lines(count: int) -> list[CallLine]:
        one = clients("a/b")
        hosts = [f"cart.n{number}.svc.cluster.local" for number in range(count)]
        return call_lines(
            call(one, host, Outcome.OK_MTLS, Outcome.REFUSED, Change.BREAKS) for host in hosts
        )

    assert len(lines(8)) == 8
    (whole,) = lines(9)
    assert (whole.count, whole.clients.count, len(whole.hosts)) == (9, 1, 9)
    assert describe.where(whole) == "9 service ports"
    assert describe.where(lines(1)[0]) == "cart.n0.svc.cluster.local:8080"


def test_clients_of_several_groups_are_counted_once() -> None:
    group = clients("a/b", "a/c")
    calls = [
        call(group, HOST, Outcome.OK_MTLS, Outcome.REFUSED, Change.BREAKS),
        structs.replace(
            call(group, HOST, Outcome.OK_MTLS, Outcome.REFUSED, Change.BREAKS), port=9090
        ),
    ]

    (found,) = call_lines(calls)

    assert (found.count, found.clients.count) == (4, 2)
    assert list(found.hosts) == [(HOST, 8080), (HOST, 9090)]
