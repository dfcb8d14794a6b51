"""The effect of a change as JSON: a contract (`schemas/meshgate/effect.schema.json`).

Calls are told in groups that differ only in the client. `clients` lists the members of each crowd
once, and a group names its crowd, so that every call is in it and no pair is written twice.
"""

from __future__ import annotations

from collections.abc import Callable

from meshgate.effect import (
    CallChange,
    CallState,
    Clients,
    Effect,
    Open,
    Place,
    PortChange,
    PortState,
    Uncovered,
    Unexercised,
    Unsafe,
)
from meshgate.mesh import Level
from meshgate.model import JSONObject, Position, Resource, join_path
from meshgate.report import Options, observed
from meshgate.report.calls import CROWDS
from meshgate.report.effect.compared import Compared, Diff
from meshgate.report.escape.json_text import dump, members, rows
from meshgate.report.json import VERSION, as_json, place, reference
from meshgate.report.view import owner

Locate = Callable[[Resource, str], Position | None]


def render(diff: Diff, _options: Options) -> str:
    """`{"version", "base", "head", "environments", "findings", "notes", "failures"}`."""
    report = diff.report
    environments = ",\n".join(f"  {environment(each)}" for each in diff.environments)
    parts = [
        ("version", dump(VERSION)),
        ("base", dump(diff.base)),
        ("head", dump(diff.head)),
        ("drift", dump(diff.is_drift)),
        ("environments", f"[\n{environments}\n ]" if environments else "[]"),
        ("findings", rows(map(as_json, report.findings), " ")),
        ("notes", rows(report.notes, " ")),
        ("failures", rows((failure._asdict() for failure in report.failures), " ")),
    ]
    return members(parts) + "\n"


def environment(compared: Compared) -> str:
    """One environment of the contract, as text: its crowds may have many members."""
    effect = compared.effect
    crowds = Crowds()
    calls = rows((crowds.call(each) for each in effect.calls), "   ")
    unsafe = rows((crowds.unsafe(each) for each in effect.unsafe), "    ")
    undecided = rows((_undecided(each, crowds, compared) for each in effect.undecided), "   ")
    exercised = rows((_unexercised(each, crowds, compared) for each in effect.unexercised), "   ")
    transition = members(
        [("safe", dump(effect.is_safe)), ("unsafe", unsafe), ("steps", "[]")], "   "
    )
    return members(
        [
            ("name", dump(compared.environment)),
            ("empty", dump(effect.is_empty)),
            ("summary", dump(summary(effect))),
            ("breaksDigest", dump(effect.breaks_digest)),
            ("ports", rows((_port(each, compared) for each in effect.ports), "   ")),
            ("calls", calls),
            ("transition", transition),
            ("uncovered", rows((_uncovered(each, compared) for each in effect.uncovered), "   ")),
            ("unexercised", exercised),
            ("undecided", undecided),
            ("added", rows(map(str, effect.added), "   ")),
            ("removed", rows(map(str, effect.removed), "   ")),
            ("clients", crowds.listed()),
            ("traffic", dump(observed.as_json(*compared.seen) if compared.seen else None)),
        ],
        "  ",
    ).lstrip()


def summary(effect: Effect) -> JSONObject:
    """Ports and calls in numbers."""
    calls: dict[str, int] = {}
    for each in effect.calls:
        calls[each.change.value] = calls.get(each.change.value, 0) + each.count
    return {
        "tightened": len(effect.tightened),
        "loosened": len(effect.loosened),
        "calls": calls,
        "unsafe": sum(each.count for each in effect.unsafe),
        "undecided": len(effect.undecided),
    }


class Crowds:
    """The distinct sets of clients, named in the order in which they are met."""

    def __init__(self) -> None:
        self._names: dict[object, str] = {}
        self._clients: list[Clients] = []

    def name(self, clients: Clients) -> str:
        """The name of a set of clients."""
        key = frozenset(id(pair) for pair in clients.pairs)
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = f"c{len(self._names) + 1}"
            self._clients.append(clients)
        return found

    def listed(self) -> str:
        """Each set with all its members."""
        if not self._clients:
            return "{}"
        lines = ",\n".join(
            f"    {dump(name)}: {dump(_crowd(clients))}"
            for name, clients in zip(self._names.values(), self._clients, strict=True)
        )
        return f"{{\n{lines}\n   }}"

    def call(self, each: CallChange) -> JSONObject:
        """A group of calls of the contract."""
        return {
            "client": client(each.clients),
            "clients": self.name(each.clients),
            "count": each.count,
            "host": each.host,
            "port": each.port,
            "subset": each.subset,
            "endpoint": _place(each.endpoint),
            "before": _outcome(each.before),
            "after": _outcome(each.after),
            "change": each.change.value,
            "counts": each.counts,
            "decided": each.decided,
            "reason": each.reason,
            "details": {"before": _state(each.before), "after": _state(each.after)},
        }

    def unsafe(self, each: Unsafe) -> JSONObject:
        """A group of calls that fail on the way."""
        return {
            "client": client(each.clients),
            "clients": self.name(each.clients),
            "count": each.count,
            "host": each.host,
            "port": each.port,
            "subset": each.before.subset,
            "endpoint": _place(each.endpoint),
            "before": each.before.outcome,
            "after": each.after.outcome,
            "combination": each.combination,
            "outcome": each.outcome,
            "transport": each.transport,
            "serverMode": each.mode,
            "counts": each.counts,
            "decided": each.decided,
            "reason": each.reason,
        }


def client(clients: Clients) -> JSONObject | str:
    """The client itself where there is one, else how many there are of which sort."""
    if clients.count == 1:
        only = next(clients.members)
        return {"namespace": only.namespace, "workload": only.name}
    spaces = clients.namespaces
    where = f" in {spaces[0]}" if len(spaces) == 1 else f" in {len(spaces)} namespaces"
    return f"{clients.count} {CROWDS[clients.plane]}{where}"


def _crowd(clients: Clients) -> JSONObject:
    return {
        "count": clients.count,
        "dataPlane": clients.plane,
        "namespaces": clients.namespaces,
        "members": [f"{each.namespace}/{each.name}" for each in clients.members],
    }


def _port(each: PortChange, compared: Compared) -> JSONObject:
    return {
        "namespace": each.namespace,
        "workload": each.workload.name,
        "port": each.port,
        "before": _side(each.before, each.port, compared.before),
        "after": _side(each.after, each.port, compared.after),
        "change": each.change.value,
        "decided": each.decided,
        "reason": each.reason,
    }


def _side(state: PortState, port: int | None, locate: Locate) -> JSONObject:
    level, policy = state.decided_by
    path = "spec.mtls.mode"
    if level is Level.PORT:
        path = join_path("spec", "portLevelMtls", str(port), "mode")
    return {
        "mode": state.mode,
        "decidedBy": {
            "level": level,
            "resource": owner(policy) if policy is not None else None,
            "source": place(locate(policy, path)) if policy is not None else None,
        },
        "decided": state.decided,
        "alternatives": list(state.modes),
    }


def _outcome(state: CallState | None) -> str | None:
    return state.outcome.value if state is not None else None


def _state(state: CallState | None) -> JSONObject | None:
    if state is None:
        return None
    return {
        "tls": state.tls,
        "transport": state.transport,
        "serverMode": state.mode,
        "verdict": state.verdict,
        "destinationRules": [owner(rule) for rule in state.rules],
        "subset": state.subset,
        "endpoint": _place(state.endpoint),
        "reason": state.reason,
        "alternatives": list(state.outcomes),
    }


def _place(end: Place | None) -> JSONObject | None:
    if end is None:
        return None
    return {
        "namespace": end.namespace,
        "workload": end.workload,
        "address": end.address,
        "port": end.port,
    }


def _uncovered(each: Uncovered, compared: Compared) -> JSONObject:
    return {
        "policy": reference(each.policy.ref),
        "deleted": each.is_deleted,
        "now": reference(each.now.ref) if each.now is not None else None,
        "source": place(compared.after(each.now, "")) if each.now is not None else None,
        "ports": [
            {"namespace": p.namespace, "workload": p.workload.name, "port": p.port}
            for p in each.ports
        ],
        "calls": sum(call.count for call in each.calls),
        "hosts": sorted({f"{call.host}:{call.port}" for call in each.calls}),
    }


def _unexercised(each: Unexercised, crowds: Crowds, compared: Compared) -> JSONObject:
    change = each.change
    told = _port(change, compared) if isinstance(change, PortChange) else crowds.call(change)
    kind = "port" if isinstance(change, PortChange) else "call"
    return {"upstream": each.upstream, "there": each.there, "kind": kind, kind: told}


def _undecided(
    each: PortChange | CallChange | Unsafe | Open, crowds: Crowds, compared: Compared
) -> JSONObject:
    if isinstance(each, Open):
        return {"kind": "policy", "policy": reference(each.policy.ref), "reason": each.reason}
    if isinstance(each, PortChange):
        return {"kind": "port", "port": _port(each, compared), "reason": each.reason}
    if isinstance(each, CallChange):
        return {"kind": "call", "call": crowds.call(each), "reason": each.reason}
    return {"kind": "transition", "transition": crowds.unsafe(each), "reason": each.reason}
