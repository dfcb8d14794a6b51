"""What NetworkPolicies stop of a call, in words and as JSON."""

from __future__ import annotations

from meshgate.effect.codec import place
from meshgate.effect.describe import owner
from meshgate.mesh import Blocking
from meshgate.model import JSONObject
from meshgate.report.view import View


def as_json(view: View, blocking: Blocking | None) -> JSONObject | None:
    """What stops the packets of a call; None: nothing does."""
    if blocking is None:
        return None
    return {
        "port": blocking.port,
        "directions": list(blocking.directions),
        "policies": [
            {
                "resource": owner(policy.resource),
                "direction": direction,
                "source": place(view.locate(policy.resource, f"spec.{direction}")),
            }
            for direction, policy in blocking.policies
        ],
    }


def describe(blocking: Blocking) -> str:
    """Which policies stop it: `by shop/default-deny`."""
    return f"by {named(blocking)}"


def named(blocking: Blocking) -> str:
    """The policies that isolate the pods where it is stopped."""
    return ", ".join(dict.fromkeys(owner(policy.resource) for _, policy in blocking.policies))
