"""From environments.yaml to the policy of promotion; what would leave a gate open is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgate.config import Configuration
from meshgate.errors import UsageError
from meshgate.model import JSONObject
from meshgate.promotion.gates import GATE_TYPES
from meshgate.promotion.policy import (
    FILE,
    UNSEEN_FIELDS,
    Approvals,
    EnvironmentPolicy,
    Gate,
    Policy,
)
from meshgate.promotion.records import Event
from meshgate.promotion.times import duration
from meshgate.promotion.windows import Window, read_window
from meshgate.wording.nearest import hint

PINNED = "pinned"
# Settings of the gate's entry that every type has.
COMMON_KEYS = frozenset({"name", "type", "description", "onMissing"})
# The words of the schema that this version does not act on: ignoring them would open a gate.
UNSUPPORTED = {
    ("select", "match-upstream"): "use `newest-eligible` or `manual`",
    ("supersede", "update"): "use `close`",
}


def read_policy(configuration: Configuration) -> Policy:
    """The promotion policy of a repository.

    Raises UsageError for whatever would leave a gate open or closed for ever without a word.
    """
    if ("supersede", configuration.supersede) in UNSUPPORTED:
        raise _unsupported("supersede", configuration.supersede, "")
    gates = {entry["name"]: _gate(entry) for entry in configuration.gates}
    windows = tuple(map(read_window, configuration.windows))
    environments = tuple(
        _environment(entry, gates, windows) for entry in configuration.entries.values()
    )
    used = {gate.name for environment in environments for gate in environment.gates}
    for name in gates:
        if name not in used:
            raise UsageError(
                f"{FILE}: no environment has the gate {name!r}",
                why="Nothing would ever wait for it.",
                hint="name it in `gates` of an environment, or remove it",
            )
    pinned = {environment.name for environment in environments if environment.pinned}
    for window in windows:
        if window.environments and pinned.isdisjoint(window.environments):
            raise UsageError(
                f"{FILE}: the window {window.name!r} is for no pinned environment",
                why="A floating environment follows main at any time.",
            )
    return Policy(environments, gates, windows, configuration.paused)


def _gate(entry: JSONObject) -> Gate:
    name, kind = entry["name"], entry["type"]
    if kind not in GATE_TYPES:
        raise _unsupported("type", kind, f"gate {name!r}: ")
    gate_type = GATE_TYPES[kind]
    settings = {key: value for key, value in entry.items() if key not in COMMON_KEYS}
    for key in settings:
        if key not in gate_type.keys:
            raise UsageError(
                f"{FILE}: gate {name!r}: {key!r} means nothing to a gate of type {kind}",
                hint=hint(key, sorted(gate_type.keys)),
            )
    for key in sorted(gate_type.needed):
        if key not in settings:
            why = "Without it anybody's word would do." if key == "reporters" else ""
            raise UsageError(f"{FILE}: gate {name!r}: a gate of type {kind} needs `{key}`", why=why)
    return Gate(name, kind, settings, entry.get("description", ""))


def _environment(
    entry: JSONObject, gates: Mapping[str, Gate], windows: tuple[Window, ...]
) -> EnvironmentPolicy:
    name, after = entry["name"], entry.get("after", ())
    if ("select", entry.get("select")) in UNSUPPORTED:
        raise _unsupported("select", entry["select"], f"{name}: ")
    environment = EnvironmentPolicy(
        name=name,
        overlay=entry["overlay"].rstrip("/"),
        pinned=entry.get("mode") == PINNED,
        after=tuple(next(iter(after.values())) if isinstance(after, dict) else after),
        after_all=not (isinstance(after, dict) and "any" in after),
        select=entry.get("select", "newest-eligible"),
        merge=entry.get("merge", "manual"),
        gates=tuple(gates[gate] for gate in entry.get("gates", ())),
        gates_waived=entry.get("gatesWaived", ""),
        windows=windows,
        soak={Event(event): duration(text) for event, text in entry.get("soak", {}).items()},
        approvals=_approvals(name, entry.get("approvals", {})),
        clusters=tuple(entry.get("clusters", {}).get("names", ())),
        unseen_fields=entry.get("unseenFields", UNSEEN_FIELDS),
        allowed_signers=entry.get("signatures", {}).get("allowedSigners", ""),
    )
    for problem in _problems(environment, entry):
        raise UsageError(f"{FILE}: {name}: {problem}")
    return environment


def _problems(environment: EnvironmentPolicy, entry: JSONObject) -> Iterator[str]:
    if not environment.pinned:
        for key in ("gates", "gatesWaived", "soak", "approvals", "unseenFields", "signatures"):
            if key in entry:
                yield f"{key!r} means nothing to a floating environment, which follows main"
        return
    if not environment.gates and not environment.gates_waived:
        yield "a pinned environment names its `gates`; `gates: []` needs `gatesWaived: REASON`"
    if environment.gates and environment.gates_waived:
        yield "it has both `gates` and `gatesWaived`"
    for gate in environment.gates:
        for problem in GATE_TYPES[gate.type].problems(gate, environment):
            yield f"the gate {gate.name!r} {problem}"
    if any(environment.soak.values()) and not environment.after:
        yield "`soak` has no environment to soak in: there is no `after`"


def _approvals(name: str, entry: JSONObject) -> Approvals:
    if "blastRadius" in entry:
        raise _unsupported("approvals", "blastRadius", f"{name}: ")
    return Approvals(
        count=entry.get("count", 0),
        teams=tuple(entry.get("teams", ())),
        not_requester=entry.get("notRequester", True),
        weakening=tuple(entry.get("weakening", {}).get("teams", ())),
    )


def _unsupported(key: str, value: str, place: str) -> UsageError:
    return UsageError(
        f"{FILE}: {place}`{key}: {value}` is not supported",
        why="To ignore it would leave a gate open.",
        hint=UNSUPPORTED.get((key, value), "remove it"),
    )
