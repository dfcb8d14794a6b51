"""From environments.yaml to the policy of promotion; what would leave a gate open is refused."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

import msgspec

from meshgate.config import Configuration
from meshgate.errors import UsageError
from meshgate.model import Environment, GateEntry
from meshgate.model.environment import RequiredApprovals, SoakTimes
from meshgate.promotion.environment_state import Event
from meshgate.promotion.gates import GATE_TYPES
from meshgate.promotion.policy import FILE, UNSEEN_FIELDS, EnvironmentPolicy, Policy
from meshgate.promotion.times import duration
from meshgate.promotion.windows import Window, read_window
from meshgate.wording.nearest import hint

PINNED = "pinned"
# Settings of the gate's entry that every type has.
COMMON_KEYS = frozenset({"name", "type", "description", "onMissing", "events"})


def read_policy(configuration: Configuration) -> Policy:
    """The promotion policy of a repository.

    Raises UsageError for whatever would leave a gate open or closed for ever without a word.
    """
    for gate in configuration.gates:
        _check_gate(gate)
    gates = {gate.name: gate for gate in configuration.gates}
    windows = tuple(map(read_window, configuration.windows))
    environments = tuple(
        _environment(entry, gates, windows) for entry in configuration.environments
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


def _check_gate(gate: GateEntry) -> None:
    gate_type = GATE_TYPES[gate.type]
    place = f"{FILE}: gate {gate.name!r}:"
    settings = msgspec.to_builtins(gate).keys() - COMMON_KEYS
    for key in sorted(settings - gate_type.keys):
        raise UsageError(
            f"{place} {key!r} means nothing to a gate of type {gate.type}",
            hint=hint(key, sorted(gate_type.keys)),
        )
    for key in sorted(gate_type.needed - settings):
        why = "Without it anybody's word would do." if key == "reporters" else ""
        raise UsageError(f"{place} a gate of type {gate.type} needs `{key}`", why=why)


def _environment(
    entry: Environment, gates: Mapping[str, GateEntry], windows: tuple[Window, ...]
) -> EnvironmentPolicy:
    approvals = entry.approvals or RequiredApprovals()
    environment = EnvironmentPolicy(
        name=entry.name,
        sources=entry.sources,
        pinned=entry.mode == PINNED,
        after=entry.after,
        after_all=entry.after_all,
        select=entry.select,
        merge=entry.merge,
        gates=tuple(gates[gate] for gate in entry.gates or ()),
        gates_waived=entry.gates_waived or "",
        windows=windows,
        soak=_soak(entry.soak or SoakTimes()),
        approvals=approvals,
        clusters=(entry.clusters.names or ()) if entry.clusters else (),
        unseen_fields=UNSEEN_FIELDS if entry.unseen_fields is None else entry.unseen_fields,
        allowed_signers=entry.signatures.allowed_signers if entry.signatures else "",
    )
    for problem in _problems(environment, entry):
        raise UsageError(f"{FILE}: {entry.name}: {problem}")
    return environment


def _soak(times: SoakTimes) -> dict[Event, datetime.timedelta]:
    """The length of time of each event that the environment names."""
    return {Event(event): duration(text) for event, text in msgspec.to_builtins(times).items()}


def _problems(environment: EnvironmentPolicy, entry: Environment) -> Iterator[str]:
    if not environment.pinned:
        for key, value in (
            ("gates", entry.gates),
            ("gatesWaived", entry.gates_waived),
            ("soak", entry.soak),
            ("approvals", entry.approvals),
            ("unseenFields", entry.unseen_fields),
            ("signatures", entry.signatures),
        ):
            if value is not None:
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
