"""Who is let in at a server port by policies of authorization, in words and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import assert_never

from meshgate.effect.codec import place
from meshgate.effect.describe import owner
from meshgate.mesh import Mode
from meshgate.mesh.authorization import Action
from meshgate.mesh.port_authorization import AuthorizationState, PortAuthorization
from meshgate.model import JSONObject
from meshgate.report.view import View
from meshgate.wording import plural

# How many identities or policies a cell names.
NAMED = 3
ANY = "?"
STYLES = {
    AuthorizationState.NO_POLICY: "yellow",
    AuthorizationState.DENY_LIST: "yellow",
    AuthorizationState.ALLOW_LIST: "green",
    AuthorizationState.DEFAULT_DENY: "green",
    AuthorizationState.CUSTOM: "yellow",
    AuthorizationState.UNDECIDED: "yellow",
    AuthorizationState.NOT_ENFORCED: "dim",
}
BELOW = "below the floor"
_DEFAULT_DENY = "default-deny"


def is_asked(view: View) -> bool:
    """Whether there is anything to tell port by port: a policy, or a floor."""
    return view.authorization == _DEFAULT_DENY or not view.mesh.authorization.is_empty


def describe(view: View, access: PortAuthorization, mode: Mode | None) -> str:
    """Who gets in, in a few words; `mode` is what the port accepts."""
    asked = dict.fromkeys(
        policy.provider for policy in access.policies if policy.action is Action.CUSTOM
    )
    match access.state:
        case AuthorizationState.NOT_ENFORCED:
            return "-"
        case AuthorizationState.UNDECIDED:
            return f"not known ({access.reason})"
        case AuthorizationState.NO_POLICY:
            who = "everybody"
        case AuthorizationState.DENY_LIST:
            denying = (each for each in access.policies if each.action is Action.DENY)
            who = f"all but whom {_few(map(str, denying))} denies"
        case AuthorizationState.CUSTOM:
            who = "everybody"
        case AuthorizationState.DEFAULT_DENY:
            who = "nobody: default-deny"
        case AuthorizationState.ALLOW_LIST:
            who = _few(_identities(access, mode))
        case _:
            assert_never(access.state)
    more = f", if {_few(asked)} consents" if asked else ""
    return who + more + (f" ({BELOW})" if is_below(view, access) else "")


def is_below(view: View, access: PortAuthorization) -> bool:
    """Whether the environment requires a default-deny that the port has not."""
    open_ = access.decided and access.state is not AuthorizationState.NOT_ENFORCED
    return view.authorization == _DEFAULT_DENY and open_ and not access.is_closed


def style(view: View, access: PortAuthorization) -> str:
    """How it is coloured."""
    return "red" if is_below(view, access) else STYLES[access.state]


def tally(view: View, answers: Iterable[PortAuthorization]) -> str:
    """How many ports are closed how."""
    if not is_asked(view):
        return "No policy of authorization: everybody gets in."
    states: Counter[AuthorizationState] = Counter(
        each.state for each in answers if each.state is not AuthorizationState.NOT_ENFORCED
    )
    below = sum(
        count for state, count in states.items() if is_below(view, PortAuthorization(state))
    )
    parts = [f"{states[state]} {state}" for state in AuthorizationState if states[state]]
    line = f"Authorization: {', '.join(parts) or 'enforced nowhere'}"
    if view.authorization == _DEFAULT_DENY:
        line += f"; the floor is default-deny, {plural(below, 'port')} below it"
    return f"{line}."


def as_json(view: View, access: PortAuthorization) -> JSONObject:
    """The `authorization` of a server."""
    return {
        "state": access.state,
        "policies": [
            {
                "resource": owner(policy.resource),
                "action": policy.action,
                "source": place(view.locate(policy.resource, "spec")),
            }
            for policy in access.policies
        ],
        "admits": list(access.admitted),
        "belowFloor": is_below(view, access),
        "decided": access.decided,
        "reason": access.reason,
    }


def _identities(access: PortAuthorization, mode: Mode | None) -> Iterator[str]:
    """The identities that get in; without one nobody does where the port takes only mTLS."""
    for identity in access.admitted:
        if identity is None:
            if mode is not Mode.STRICT:
                yield "whoever sends plaintext"
            continue
        domain, _, namespace, _, account = identity.split("/")
        if (namespace, account) == (ANY, ANY):
            yield "everybody in the mesh" if domain != ANY else "everybody with a certificate"
        elif namespace == ANY:
            yield f"the account {account} of any namespace"
        else:
            yield f"{namespace}/{account}" if account != ANY else f"namespace {namespace}"


def _few(names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
