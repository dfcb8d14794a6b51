"""What a change does to one mesh, as the page lists it."""

from __future__ import annotations

from meshgate.effect import (
    CallChange,
    Clients,
    Effect,
    PortChange,
    PortState,
    Uncovered,
    Unsafe,
    describe,
)
from meshgate.effect.describe import named, owner
from meshgate.model import JSONObject
from meshgate.report.escape.visible import visible


def effect(environment: str, change: Effect) -> JSONObject:
    """Changed ports and calls, the way there, what is uncovered, and what files leave open.

    A port is `[workload, port, before, after, verb]`, its sides `[mode, level, policy]`. A call
    is `[change, clients, how many, host, port, subset, endpoint, before, after, counts, reason,
    words]`, where other words than those of its change are better.
    """
    return {
        "environment": visible(environment),
        "verdict": visible(describe.verdict(change)),
        "gravity": describe.gravity(change),
        "ports": list(map(_port, change.loosened + change.tightened)),
        "calls": list(map(_call, describe.gravest_first(change.calls))),
        "unsafe": list(map(_unsafe, change.unsafe)),
        "access": [visible(each.text) for each in describe.access_sentences(change)],
        "uncovered": list(map(_uncovered, change.uncovered)),
        "open": [visible(describe.open_end(each)) for each in change.undecided],
        "unexercised": [visible(describe.unexercised(each)) for each in change.unexercised],
    }


def verbs() -> JSONObject:
    """What becomes of one call and of several, by change, the gravest first."""
    return {change.value: [verb.one, verb.many] for change, verb in describe.VERBS.items()}


def _words(change: CallChange) -> str:
    """Other words than those of its change, where these are better; else nothing."""
    verb = describe.of_call(change)
    return "" if verb is describe.VERBS[change.change] else describe.of_count(verb, change.count)


def _port(change: PortChange) -> list[object]:
    number = "others" if change.port is None else change.port
    sides = _mode(change.before), _mode(change.after)
    return [visible(named(change.workload)), number, *sides, describe.PORT_VERBS[change.change].one]


def _mode(state: PortState) -> list[str]:
    level, policy = state.decided_by
    resource = visible(owner(policy)) if policy is not None else ""
    return [describe.mode(state), str(level), resource]


def _call(change: CallChange) -> list[object]:
    return [
        str(change.change),
        _clients(change.clients),
        change.count,
        visible(change.host),
        change.port,
        visible(change.subset or ""),
        visible(str(change.endpoint or "")),
        describe.outcome(change.before),
        describe.outcome(change.after),
        change.counts,
        visible(change.reason),
        _words(change),
    ]


def _unsafe(each: Unsafe) -> list[object]:
    """`[clients, how many, host, port, combination, what happens, before, after]`."""
    return [
        _clients(each.clients),
        each.count,
        visible(each.host),
        each.port,
        each.combination,
        f"{describe.fails(decided=each.decided)}: {each.outcome}",
        describe.outcome(each.before),
        describe.outcome(each.after),
    ]


def _uncovered(each: Uncovered) -> list[object]:
    """`[kind, policy, is deleted, what decides now, ports, calls]`."""
    return [
        each.policy.kind,
        visible(owner(each.policy)),
        each.is_deleted,
        visible(owner(each.now)) if each.now is not None else "a default",
        len(each.ports),
        sum(call.count for call in each.calls),
    ]


def _clients(clients: Clients) -> str:
    return visible(describe.clients(clients, clients.plane))
