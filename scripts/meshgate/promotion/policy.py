"""The promotion fields of environments.yaml as typed values: graph, gates, windows, approvals."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshgate.config import Configuration
from meshgate.errors import UsageError
from meshgate.model import JSONObject
from meshgate.promotion.durations import duration
from meshgate.promotion.gates import GATE_TYPES, Gate
from meshgate.promotion.values import Event
from meshgate.promotion.windows import Window, window
from meshgate.wording.nearest import hint

FILE = "environments.yaml"
PINNED = "pinned"
UNSEEN_FIELDS = 25
# Settings of the gate's entry that every type has.
COMMON_KEYS = frozenset({"name", "type", "description", "onMissing"})
# The words of the schema that this version does not act on: ignoring them would open a gate.
UNSUPPORTED = {
    ("select", "match-upstream"): "use `newest-eligible` or `manual`",
    ("supersede", "update"): "use `close`",
}


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who must agree.

    count          reviewers, at the head commit
    teams          they must belong to one of these; empty: to any
    not_requester  who asked for the promotion does not count
    weakening      one of these teams must agree when a port gets weaker
    """

    count: int = 0
    teams: tuple[str, ...] = ()
    not_requester: bool = True
    weakening: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentPolicy:
    """How one environment is promoted to.

    after          the environments before it: all of them (`after_all`), or any one
    gates          empty only with `gates_waived`, the reason
    windows        every window of the repository; `windows.applying` picks
    soak           how long a release stays in an environment before, by event
    clusters       their names, whose word evidence needs
    allowed_signers  file of those who may sign; empty: signatures are not asked for
    """

    name: str
    overlay: str
    pinned: bool
    after: tuple[str, ...] = ()
    after_all: bool = True
    select: str = "newest-eligible"
    merge: str = "manual"
    gates: tuple[Gate, ...] = ()
    gates_waived: str = ""
    windows: tuple[Window, ...] = ()
    soak: Mapping[Event, datetime.timedelta] = field(default_factory=dict)
    approvals: Approvals = Approvals()
    clusters: tuple[str, ...] = ()
    unseen_fields: int = UNSEEN_FIELDS
    allowed_signers: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """How this repository promotes; in the order of environments.yaml."""

    environments: tuple[EnvironmentPolicy, ...]
    gates: Mapping[str, Gate] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    paused: JSONObject | None = None  # by, reason

    def of(self, name: str) -> EnvironmentPolicy:
        """An environment by its name. Raises UsageError."""
        for environment in self.environments:
            if environment.name == name:
                return environment
        names = [environment.name for environment in self.environments]
        raise UsageError(f"{FILE} has no environment {name!r}", hint=hint(name, names))

    def pinned(self, name: str) -> EnvironmentPolicy:
        """An environment that promotion writes. Raises UsageError for one that follows main."""
        found = self.of(name)
        if not found.pinned:
            raise UsageError(
                f"{name} is floating: it follows {found.overlay} on main",
                hint=f"set `mode: pinned` and run `meshgate adopt {name}`",
            )
        return found

    def before(self, name: str) -> tuple[EnvironmentPolicy, ...]:
        """Every environment that a change passes on its way to this one, nearest first."""
        found: dict[str, None] = {}
        queue = list(self.of(name).after)
        while queue:
            other = queue.pop(0)
            if other not in found:
                found[other] = None
                queue += self.of(other).after
        return tuple(self.of(other) for other in found)


def policy(configuration: Configuration) -> Policy:
    """The promotion policy of a repository.

    Raises UsageError for whatever would leave a gate open or closed for ever without a word.
    """
    if ("supersede", configuration.supersede) in UNSUPPORTED:
        raise _unsupported("supersede", configuration.supersede, "")
    gates = {entry["name"]: _gate(entry) for entry in configuration.gates}
    windows = tuple(window(entry) for entry in configuration.windows)
    environments = tuple(
        _environment(entry, gates, windows) for entry in configuration.entries.values()
    )
    asked = {gate.name for environment in environments for gate in environment.gates}
    for name in gates:
        if name not in asked:
            raise UsageError(
                f"{FILE}: no environment has the gate {name!r}",
                why="Nothing would ever wait for it.",
                hint="name it in `gates` of an environment, or remove it",
            )
    pinned = {environment.name for environment in environments if environment.pinned}
    for one in windows:
        if one.environments and pinned.isdisjoint(one.environments):
            raise UsageError(
                f"{FILE}: the window {one.name!r} is for no pinned environment",
                why="A floating environment follows main at any time.",
            )
    return Policy(environments, gates, windows, configuration.paused)


def _gate(entry: JSONObject) -> Gate:
    name, kind = entry["name"], entry["type"]
    if kind not in GATE_TYPES:
        raise _unsupported("type", kind, f"gate {name!r}: ")
    known = GATE_TYPES[kind]
    settings = {key: value for key, value in entry.items() if key not in COMMON_KEYS}
    for key in settings:
        if key not in known.keys:
            raise UsageError(
                f"{FILE}: gate {name!r}: {key!r} means nothing to a gate of type {kind}",
                hint=hint(key, sorted(known.keys)),
            )
    for key in sorted(known.needed):
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
    found = EnvironmentPolicy(
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
    for problem in _problems(found, entry):
        raise UsageError(f"{FILE}: {name}: {problem}")
    return found


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
