"""The effect of a change as a record keeps it: changed ports, broken calls, uncovered defaults."""

from __future__ import annotations

import hashlib
import json

from meshgate.effect import CallChange, Clients, Effect, PortChange, PortState, Uncovered
from meshgate.mesh import DataPlane
from meshgate.model import JSONObject
from meshgate.promotion.values import Effects

# How many namespaces a group of clients names.
NAMED = 3


def recorded(effect: Effect, inventory: JSONObject, ports: int) -> Effects:
    """What a record says of an effect. `ports`: how many server ports the mesh has."""
    told = {
        "tightened": [port_json(change) for change in effect.tightened],
        "loosened": [port_json(change) for change in effect.loosened],
        "breaks": [call_json(change) for change in effect.breaks],
        "deleted": [uncovered_json(each) for each in effect.uncovered if each.is_deleted],
    }
    text = json.dumps(told, sort_keys=True).encode()
    return Effects(
        digest=hashlib.sha256(text).hexdigest(),
        inventory=inventory,
        tightened=tuple(told["tightened"]),
        loosened=tuple(told["loosened"]),
        unchanged=max(0, ports - len(effect.tightened) - len(effect.loosened)),
        breaks=tuple(told["breaks"]),
        deleted=tuple(told["deleted"]),
    )


def call_groups(effect: Effect) -> tuple[JSONObject, ...]:
    """Every certain change of calls, in groups of clients."""
    return tuple(call_json(change) for change in effect.calls)


def port_json(change: PortChange) -> JSONObject:
    """A port as the JSON of an effect has it."""
    return {
        "namespace": change.namespace,
        "workload": change.workload.name,
        "port": change.port,
        "before": _side(change.before),
        "after": _side(change.after),
        "change": str(change.change),
    }


def call_json(change: CallChange) -> JSONObject:
    """A group of calls, with how many they are."""
    return {
        "client": client_name(change.clients),
        "count": change.count,
        "host": change.host,
        "port": change.port,
        "endpoint": str(change.endpoint) if change.endpoint else None,
        "before": str(change.before.outcome) if change.before else None,
        "after": str(change.after.outcome) if change.after else None,
        "change": str(change.change),
    }


def uncovered_json(found: Uncovered) -> JSONObject:
    """A deleted policy, and what is under it."""
    now = f"{found.now.namespace}/{found.now.name}" if found.now else "the default of Istio"
    ports, calls = len(found.ports), sum(call.count for call in found.calls)
    what = " and ".join(
        f"{number} {noun}{'s' if number != 1 else ''}"
        for number, noun in ((ports, "port"), (calls, "call"))
        if number
    )
    return {
        "resource": str(found.policy),
        "uncovers": f"{now} decides {what} now" if what else f"{now} is under it",
    }


def client_name(clients: Clients) -> str:
    """A client by its name, or some of them in a few words."""
    if clients.count == 1:
        only = next(iter(clients.members))
        return f"{only.namespace}/{only.name}"
    names = clients.namespaces
    where = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        where += f" and {len(names) - NAMED} more namespaces"
    outside = " without sidecar" if clients.plane is DataPlane.NONE else ""
    return f"{clients.count} clients{outside} in {where}"


def _side(state: PortState) -> JSONObject:
    policy = state.decided_by.policy
    return {
        "mode": str(state.mode) if state.mode is not None else None,
        "decidedBy": {
            "level": str(state.decided_by.level),
            "resource": f"{policy.namespace}/{policy.name}" if policy is not None else None,
        },
    }
