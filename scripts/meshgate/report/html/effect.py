"""What a change does to one mesh, as the page lists it."""

from __future__ import annotations

from meshgate.effect import (
    CallChange,
    CallState,
    Clients,
    Effect,
    PortChange,
    PortState,
    Uncovered,
    Unsafe,
)
from meshgate.model import JSONObject
from meshgate.report.calls import CROWDS, NAMED
from meshgate.report.escape.visible import visible
from meshgate.report.view import named, owner


def effect(environment: str, found: Effect) -> JSONObject:
    """Changed ports and calls, the way there, what is uncovered, and what files leave open.

    A port is `[workload, port, before, after, change]`, its sides `[mode, level, policy]`. A call
    is `[change, clients, how many, host, port, subset, endpoint, before, after, counts, reason]`.
    """
    return {
        "environment": visible(environment),
        "safe": found.is_safe,
        "ports": list(map(_port, found.ports)),
        "calls": list(map(_call, found.calls)),
        "unsafe": list(map(_unsafe, found.unsafe)),
        "uncovered": list(map(_uncovered, found.uncovered)),
        "open": [
            *map(_port, found.open_ports),
            *map(_call, found.open_calls),
            *([owner(each.policy), visible(each.reason)] for each in found.open_policies),
        ],
        "unexercised": [
            [
                visible(_named(each.change)),
                visible(each.upstream),
                visible(each.there) or "is not there",
            ]
            for each in found.unexercised
        ],
    }


def clients(of: Clients) -> str:
    """Who these clients are, in a few words."""
    if of.count <= NAMED:
        return visible(", ".join(map(named, of.members)))
    namespaces = of.namespaces
    where = f" in {namespaces[0]}" if len(namespaces) == 1 else ""
    return visible(f"{of.count} {CROWDS[of.plane]}{where}")


def _port(change: PortChange) -> list[object]:
    number = "others" if change.port is None else change.port
    sides = _mode(change.before), _mode(change.after)
    return [visible(named(change.workload)), number, *sides, str(change.change)]


def _mode(state: PortState) -> list[str]:
    level, policy = state.decided_by
    mode = " or ".join(str(mode) for mode in state.modes) or str(state.mode or "nothing")
    return [mode, str(level), visible(owner(policy)) if policy is not None else ""]


def _call(change: CallChange) -> list[object]:
    return [
        str(change.change),
        clients(change.clients),
        change.count,
        visible(change.host),
        change.port,
        visible(change.subset or ""),
        visible(str(change.endpoint or "")),
        _state(change.before),
        _state(change.after),
        change.counts,
        visible(change.reason),
    ]


def _state(state: CallState | None) -> str:
    if state is None:
        return "not made"
    return " or ".join(map(str, state.outcomes)) or str(state.outcome)


def _unsafe(each: Unsafe) -> list[object]:
    """`[clients, how many, host, port, combination, outcome, before, after]`."""
    return [
        clients(each.clients),
        each.count,
        visible(each.host),
        each.port,
        each.combination,
        str(each.outcome),
        _state(each.before),
        _state(each.after),
    ]


def _uncovered(each: Uncovered) -> list[object]:
    """`[kind, policy, is deleted, what decides now, ports, calls]`."""
    return [
        each.policy.kind,
        visible(owner(each.policy)),
        each.is_deleted,
        visible(owner(each.now)) if each.now is not None else "the default",
        len(each.ports),
        sum(call.count for call in each.calls),
    ]


def _named(change: PortChange | CallChange) -> str:
    if isinstance(change, PortChange):
        return f"{change} {change.change}"
    return f"{clients(change.clients)} to {change.host}:{change.port} {change.change}"
