"""The words in which the reports tell an effect; nothing in them is escaped."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from meshgate.effect import (
    CallChange,
    Change,
    Effect,
    Open,
    Place,
    PortChange,
    PortState,
    Strength,
    Uncovered,
    Unexercised,
    Unsafe,
)
from meshgate.effect.lines import CallLine, PortLine, everybody
from meshgate.mesh import DataPlane, Level
from meshgate.report.calls import CROWDS
from meshgate.report.summary import plural
from meshgate.report.view import named

# How many clients, workloads or ports a line names before it only counts them.
NAMED = 2
PORTS = 4
# What becomes of one call, and of several.
VERBS = {
    Change.BREAKS: ("breaks", "break"),
    Change.SHUT_OUT: ("is shut out", "are shut out"),
    Change.EXPOSED: ("turns to plaintext", "turn to plaintext"),
    Change.UNKNOWN: ("cannot be told any more", "cannot be told any more"),
    Change.MENDS: ("works again", "work again"),
    Change.ENCRYPTED: ("turns to TLS", "turn to TLS"),
    Change.MOVED: ("takes another way", "take another way"),
    Change.APPEARS: ("is new", "are new"),
    Change.VANISHES: ("is no longer made", "are no longer made"),
}
MAY = "may "
CROWD_OUTSIDE = "outside the mesh"
SAFE = "every call that works before and after works on the way there"


def who(line: CallLine, totals: Mapping[DataPlane, int]) -> str:
    """The clients of a line."""
    count = line.clients.count
    if count <= NAMED:
        return ", ".join(map(named, line.clients.members))
    crowd = CROWD_OUTSIDE if line.plane is DataPlane.NONE else CROWDS[line.plane]
    noun = "" if line.plane is DataPlane.GATEWAY else "clients "
    if everybody(line, totals):
        return f"all {count} {noun}{crowd}"
    spaces = line.clients.namespaces
    where = f" in {spaces[0]}" if len(spaces) == 1 else f" in {len(spaces)} namespaces"
    return f"{count} {noun}{crowd}{where}"


def where(line: CallLine) -> str:
    """The places where the calls of a line end, or the service ports that are called."""
    if line.ends:
        told = ends(line.ends)
    else:
        hosts = [f"{host}:{port}" for host, port in line.hosts]
        told = ", ".join(hosts) if len(hosts) <= NAMED else f"{len(hosts)} service ports"
    subsets = [each for each in line.subsets if each is not None]
    if len(subsets) < len(line.subsets):
        return told
    return f"{told} ({'subset' if len(subsets) == 1 else 'subsets'} {', '.join(subsets[:PORTS])})"


def ends(places: Iterable[Place]) -> str:
    """`boards/boards:8080`; of many `boards/*:8080,9102`."""
    found = list(places)
    numbers = sorted({place.port for place in found})
    ports = ",".join(map(str, numbers)) if len(numbers) <= PORTS else f"{len(numbers)} ports"
    names = list(dict.fromkeys(f"{p.namespace}/{p.workload or p.address}" for p in found))
    if len(names) <= NAMED:
        return ", ".join(
            f"{name}:{','.join(str(p.port) for p in own)}"
            for name, group in itertools.groupby(
                sorted(found, key=_name_and_port), key=lambda p: _name_and_port(p)[0]
            )
            for own in [list(group)]
        )
    spaces = {place.namespace for place in found}
    if len(spaces) == 1:
        return f"{next(iter(spaces))}/*:{ports}"
    return f"{len(names)} workloads in {len(spaces)} namespaces, port {ports}"


def _name_and_port(place: Place) -> tuple[str, int]:
    return f"{place.namespace}/{place.workload or place.address}", place.port


def ports_of(line: PortLine) -> str:
    """The ports of a line: `boards/boards:8080,9102`."""
    names: dict[str, list[str]] = {}
    for each in line.ports:
        number = "*" if each.port is None else str(each.port)
        names.setdefault(str(each.workload), []).append(number)
    if len(names) <= NAMED:
        return ", ".join(f"{name}:{','.join(numbers)}" for name, numbers in names.items())
    spaces = {each.namespace for each in line.ports}
    numbers = sorted({number for found in names.values() for number in found}, key=_as_number)
    ports = ",".join(numbers) if len(numbers) <= PORTS else f"{len(numbers)} ports"
    if len(spaces) == 1:
        return f"{next(iter(spaces))}/*:{ports} ({len(names)} workloads)"
    return f"{len(names)} workloads in {len(spaces)} namespaces:{ports}"


def _as_number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def mode(state: PortState) -> str:
    """What a port enforces; several where files leave it open."""
    told = state.modes or (state.mode,)
    return " or ".join(str(each or "no proxy") for each in told)


def decider(state: PortState) -> str:
    """Which policy decides a port."""
    level, policy = state.decided_by
    if policy is None:
        return "Istio's default" if level is Level.DEFAULT and state.mode else "no policy"
    return f"{policy.namespace or 'default'}/{policy.name} ({level})"


def outcomes(line: CallLine) -> tuple[str, str]:
    """How calls end before and after."""
    return str(line.before or "not made"), str(line.after or "not made")


def change(line: CallLine) -> str:
    """What becomes of the calls of a line."""
    verb = VERBS[Change(line.change)][line.count != 1]
    if line.decided or line.change == Change.UNKNOWN:
        return verb
    plain = VERBS[Change(line.change)][1]
    return MAY + plain.replace("are ", "be ", 1)


def verdict(effect: Effect) -> str:
    """The effect on one environment in one sentence, without a full stop."""
    parts = [
        f"{plural(len(found), 'port')} {verb}{'s' if len(found) == 1 else ''}"
        for found, verb in ((effect.loosened, "loosen"), (effect.tightened, "tighten"))
        if found
    ]
    for each in Change:
        count = sum(group.count for group in effect.of(each))
        if count:
            parts.append(f"{count:,} {'call' if count == 1 else 'calls'} {VERBS[each][count != 1]}")
    if not parts and effect.is_empty:
        return "no effect on any port or call"
    if not effect.breaks:
        parts.append("no call that counts breaks")
    certain = [each for each in effect.unsafe if each.decided]
    if certain:
        count = sum(each.count for each in certain)
        fails = "fails" if count == 1 else "fail"
        parts.append(f"{count:,} {'call' if count == 1 else 'calls'} {fails} on the way there")
    if effect.undecided:
        parts.append(f"{len(effect.undecided)} not decidable")
    return ", ".join(parts)


def unsafe(line: CallLine) -> str:
    """A combination that fails, and how."""
    may = "" if line.decided else MAY
    return f"{may}{'fails' if line.decided else 'fail'}: {line.after} with {line.change}"


def uncovered(each: Uncovered) -> str:
    """What one policy uncovers."""
    gone = "is deleted" if each.is_deleted else "decides less"
    heir = f"{each.now} decides" if each.now is not None else "a default decides"
    what = [plural(len(each.ports), "port")] if each.ports else []
    if each.calls:
        count = sum(call.count for call in each.calls)
        what.append(f"{count:,} {'call' if count == 1 else 'calls'}")
    return f"{each.policy} {gone}: {heir} now on {' and '.join(what)}"


def unexercised(each: Unexercised) -> str:
    """A change that the environment before has not been through."""
    change_ = each.change
    if isinstance(change_, PortChange):
        there = f"is {each.there} there" if each.there else "is not there"
        return f"{change_} {mode(change_.after)}: {each.upstream} {there}"
    after = change_.after.outcome if change_.after is not None else "not made"
    there = f"ends in {each.there} there" if each.there else "is not called there"
    return f"{change_.host}:{change_.port} {after}: {each.upstream}, {there}"


def open_end(each: PortChange | CallChange | Unsafe | Open) -> str:
    """What may happen and cannot be told."""
    if isinstance(each, Open):
        return f"{each.policy}: {each.reason}"
    if isinstance(each, PortChange):
        change_ = "loosen" if each.change is Strength.LOOSENED else "tighten"
        return f"{each} may {change_} ({mode(each.before)} to {mode(each.after)}): {each.reason}"
    first = next(iter(each.clients.members))
    clients = named(first) if each.count == 1 else f"{each.count} clients such as {named(first)}"
    return f"{clients} to {each.host}:{each.port}: {each.reason}"
