"""An effect as JSON: one form of a port, of a group of calls and of all else, for every reader.

`meshgate diff` prints the whole (`schemas/meshgate/effect.schema.json`). The ledger, a proposal and
`meshgate verify` keep ports and calls in the same form without what belongs to one run: the place
in a file (`source`), the set of clients (`clients`) and the details of both sides.

Calls are in groups that differ only in the client. The members of each set of clients are listed
once, and a group names its set, so that every call is in it and no pair is written twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from meshgate.effect import describe
from meshgate.effect.changes import (
    CallChange,
    CallState,
    Effect,
    EndpointName,
    PortChange,
    PortState,
    Uncovered,
    UndecidedPolicy,
    Unexercised,
    Unsafe,
)
from meshgate.effect.clients import Clients
from meshgate.effect.describe import owner
from meshgate.mesh import Level, Request
from meshgate.model import JSONObject, Position, Resource, ResourceRef, join_path

# Where a value of an object is written; None: in no file.
Locate = Callable[[Resource, str], Position | None]


def reference(ref: ResourceRef | None) -> JSONObject | None:
    """An object by what names it."""
    if ref is None:
        return None
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
    }


def place(position: Position | None) -> JSONObject | None:
    """A place in a file."""
    return None if position is None else position._asdict()


def port(change: PortChange) -> JSONObject:
    """A port that changes: `{namespace, workload, port, before, after, change}`."""
    return {
        "namespace": change.namespace,
        "workload": change.workload.name,
        "port": change.port,
        "before": _side(change.before),
        "after": _side(change.after),
        "change": change.change.value,
    }


def call(change: CallChange) -> JSONObject:
    """A group of calls: `{client, count, host, port, endpoint, before, after, change}`."""
    return {
        "client": client(change.clients),
        "count": change.count,
        "host": change.host,
        "port": change.port,
        "endpoint": endpoint(change.endpoint),
        "before": _outcome(change.before),
        "after": _outcome(change.after),
        "change": change.change.value,
        **_access(change),
    }


def _access(change: CallChange) -> JSONObject:
    """Which requests are let in or denied now; nothing where policies decide nothing of it."""
    if change.witness is None and not change.requests:
        return {}
    return {"witness": request(change.witness), "requests": list(change.requests)}


def request(witness: Request | None) -> JSONObject | None:
    """A request: `{method, path, host, headers}`, and where one is needed `token`, a JSON text."""
    if witness is None:
        return None
    entry: JSONObject = {
        "method": witness.method,
        "path": witness.path,
        "host": witness.host,
        "headers": dict(witness.headers),
    }
    if witness.token is None:
        return entry
    return {**entry, "token": json.dumps(witness.token, sort_keys=True)}


def deleted(each: Uncovered) -> JSONObject:
    """A policy that is gone, and what that uncovers, in words."""
    return {"resource": str(each.policy), "uncovers": describe.uncovered(each)}


def client(clients: Clients) -> JSONObject | str:
    """The client itself where there is one, else how many there are of which sort."""
    if clients.label:
        return clients.label
    if clients.count == 1:
        only = next(clients.members)
        return {"namespace": only.namespace, "workload": only.name}
    return describe.clients(clients, clients.plane)


def endpoint(end: EndpointName | None) -> JSONObject | None:
    """Where calls end."""
    if end is None:
        return None
    return {
        "namespace": end.namespace,
        "workload": end.workload,
        "address": end.address,
        "port": end.port,
    }


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


class EffectJSON:
    """One effect as `meshgate diff` prints it; each set of clients is named where it is met."""

    def __init__(self, effect: Effect, before: Locate, after: Locate) -> None:
        self._effect = effect
        self._before = before
        self._after = after
        self._names: dict[frozenset[int], str] = {}
        self._sets: list[Clients] = []

    def whole(self) -> JSONObject:
        """Everything, by the names of the contract."""
        effect = self._effect
        members = {
            "empty": effect.is_empty,
            "proof": describe.PROVEN if effect.is_proven else None,
            "summary": summary(effect),
            "breaksDigest": effect.breaks_digest,
            "ports": list(map(self._port, effect.ports)),
            "calls": list(map(self._call, effect.calls)),
            "transition": {
                "safe": effect.is_safe,
                "unsafe": list(map(self._unsafe, effect.unsafe)),
                "steps": [],
            },
            "uncovered": list(map(self._uncovered, effect.uncovered)),
        }
        # The sets are named in this order.
        undecided = list(map(self._undecided, effect.undecided))
        return {
            **members,
            "unexercised": list(map(self._unexercised, effect.unexercised)),
            "undecided": undecided,
            "added": list(map(str, effect.added)),
            "removed": list(map(str, effect.removed)),
            "clients": {
                name: _members(each)
                for name, each in zip(self._names.values(), self._sets, strict=True)
            },
        }

    def _port(self, change: PortChange) -> JSONObject:
        entry = port(change)
        for side, state, locate in (
            ("before", change.before, self._before),
            ("after", change.after, self._after),
        ):
            decided_by = {**entry[side]["decidedBy"], "source": _source(state, change.port, locate)}
            entry[side] = {
                "mode": state.mode,
                "decidedBy": decided_by,
                "decided": state.decided,
                "alternatives": list(state.modes),
            }
        return {**entry, "decided": change.decided, "reason": change.reason}

    def _call(self, change: CallChange) -> JSONObject:
        entry = call(change)
        return {
            "client": entry["client"],
            "clients": self._set(change.clients),
            "count": entry["count"],
            "host": entry["host"],
            "port": entry["port"],
            "subset": change.subset,
            **{key: entry[key] for key in ("endpoint", "before", "after", "change")},
            "witness": entry.get("witness"),
            "requests": entry.get("requests", []),
            "counts": change.counts,
            "decided": change.decided,
            "reason": change.reason,
            "details": {"before": _details(change.before), "after": _details(change.after)},
        }

    def _unsafe(self, each: Unsafe) -> JSONObject:
        return {
            "client": client(each.clients),
            "clients": self._set(each.clients),
            "count": each.count,
            "host": each.host,
            "port": each.port,
            "subset": each.before.subset,
            "endpoint": endpoint(each.endpoint),
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

    def _uncovered(self, each: Uncovered) -> JSONObject:
        return {
            "policy": reference(each.policy.ref),
            "deleted": each.is_deleted,
            "now": reference(each.now.ref) if each.now is not None else None,
            "source": place(self._after(each.now, "")) if each.now is not None else None,
            "ports": [
                {"namespace": p.namespace, "workload": p.workload.name, "port": p.port}
                for p in each.ports
            ],
            "calls": sum(group.count for group in each.calls),
            "hosts": sorted({f"{group.host}:{group.port}" for group in each.calls}),
        }

    def _unexercised(self, each: Unexercised) -> JSONObject:
        entry = {"upstream": each.upstream, "there": each.there}
        if isinstance(each.change, PortChange):
            return {**entry, "kind": "port", "port": self._port(each.change)}
        return {**entry, "kind": "call", "call": self._call(each.change)}

    def _undecided(self, each: PortChange | CallChange | Unsafe | UndecidedPolicy) -> JSONObject:
        if isinstance(each, UndecidedPolicy):
            return {"kind": "policy", "policy": reference(each.policy.ref), "reason": each.reason}
        if isinstance(each, PortChange):
            return {"kind": "port", "port": self._port(each), "reason": each.reason}
        if isinstance(each, CallChange):
            return {"kind": "call", "call": self._call(each), "reason": each.reason}
        return {"kind": "transition", "transition": self._unsafe(each), "reason": each.reason}

    def _set(self, clients: Clients) -> str:
        """The name of a set of clients."""
        key = frozenset(map(id, clients.classes))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"c{len(self._names) + 1}"
            self._sets.append(clients)
        return name


def _side(state: PortState) -> JSONObject:
    level, policy = state.decided_by
    return {
        "mode": state.mode.value if state.mode is not None else None,
        "decidedBy": {
            "level": level.value,
            "resource": owner(policy) if policy is not None else None,
        },
    }


def _source(state: PortState, port_: int | None, locate: Locate) -> JSONObject | None:
    """Where the mode of a port is written."""
    level, policy = state.decided_by
    if policy is None:
        return None
    path = "spec.mtls.mode"
    if level is Level.PORT:
        path = join_path("spec", "portLevelMtls", str(port_), "mode")
    return place(locate(policy, path))


def _outcome(state: CallState | None) -> str | None:
    return state.outcome.value if state is not None else None


def _details(state: CallState | None) -> JSONObject | None:
    if state is None:
        return None
    return {
        "tls": state.tls,
        "transport": state.transport,
        "serverMode": state.mode,
        "verdict": state.verdict,
        "destinationRules": [owner(rule) for rule in state.rules],
        "subset": state.subset,
        "endpoint": endpoint(state.endpoint),
        "reason": state.reason,
        "alternatives": list(state.outcomes),
    }


def _members(clients: Clients) -> JSONObject:
    return {
        "count": clients.count,
        "dataPlane": clients.plane,
        "namespaces": clients.namespaces,
        "members": [clients.label]
        if clients.label
        else [f"{each.namespace}/{each.name}" for each in clients.members],
    }
