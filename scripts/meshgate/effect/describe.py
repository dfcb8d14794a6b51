"""An effect in words and in order of gravity, once for every text, page and comment.

The HTML page gets the same words as JSON (`report/html/effect.py`). Nothing in them is escaped: a
writer escapes for its own format.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from meshgate.effect.changes import (
    CallChange,
    CallState,
    Effect,
    EndpointName,
    PortChange,
    PortState,
    Strength,
    Uncovered,
    UndecidedPolicy,
    Unexercised,
    Unsafe,
    port_name,
)
from meshgate.effect.clients import Clients
from meshgate.effect.grouping import (
    CallLine,
    DistinctClients,
    PortLine,
    call_lines,
    everybody,
    port_lines,
)
from meshgate.effect.verdicts import Change
from meshgate.mesh import DataPlane, Level, Outcome, Request, Verdict, Workload
from meshgate.mesh import verdict as worth
from meshgate.model import Resource, Severity
from meshgate.wording import agree, plural

# How many clients a line names before it only counts them; and how many workloads or hosts.
CLIENTS_NAMED = 5
NAMED = 2
PORTS = 4


class Tone(enum.StrEnum):
    """How a reader is to take a change, whatever colour or sign a format has for it."""

    BAD = "bad"
    DOUBTFUL = "doubtful"
    GOOD = "good"
    NEUTRAL = "neutral"


class Verb(Struct, frozen=True):
    """What becomes of one call, and of several."""

    one: str
    many: str
    tone: Tone


class Sentence(Struct, frozen=True):
    """A change in words, and how it is to be taken."""

    text: str
    tone: Tone


# What becomes of calls, the gravest first: the order of `Change`, and of every list of calls.
VERBS: Mapping[Change, Verb] = {
    Change.BREAKS: Verb("breaks", "break", Tone.BAD),
    Change.LED_AWAY: Verb("is led away", "are led away", Tone.BAD),
    Change.SHUT_OUT: Verb("is shut out", "are shut out", Tone.DOUBTFUL),
    Change.EXPOSED: Verb("turns to plaintext", "turn to plaintext", Tone.BAD),
    Change.CLOSED: Verb("is narrowed", "are narrowed", Tone.DOUBTFUL),
    Change.UNKNOWN: Verb("cannot be told any more", "cannot be told any more", Tone.DOUBTFUL),
    Change.OPENED: Verb("is let in", "are let in", Tone.BAD),
    Change.MENDS: Verb("works again", "work again", Tone.GOOD),
    Change.ENCRYPTED: Verb("turns to TLS", "turn to TLS", Tone.GOOD),
    Change.MOVED: Verb("takes another way", "take another way", Tone.NEUTRAL),
    Change.APPEARS: Verb("is new", "are new", Tone.NEUTRAL),
    Change.VANISHES: Verb("is no longer made", "are no longer made", Tone.NEUTRAL),
}
# What becomes of ports, the gravest first.
PORT_VERBS: Mapping[Strength, Verb] = {
    Strength.LOOSENED: Verb("loosens", "loosen", Tone.BAD),
    Strength.TIGHTENED: Verb("tightens", "tighten", Tone.GOOD),
}
# Of calls that fail on both sides: those of `moved` that take no way at all.
STILL_FAILS = Verb("fails by another cause", "fail by another cause", Tone.NEUTRAL)
# Of calls that failed and arrive in plaintext: who was kept out is back, which is no good news.
IN_PLAINTEXT = Verb("gets in again in plaintext", "get in again in plaintext", Tone.DOUBTFUL)
# Every verb, the gravest first; one that is better for some calls stands by that of their change.
BESIDE = {Change.MOVED: STILL_FAILS, Change.MENDS: IN_PLAINTEXT}
ALL_VERBS = (
    *PORT_VERBS.values(),
    *(
        verb
        for change, usual in VERBS.items()
        for verb in (*([BESIDE[change]] if change in BESIDE else []), usual)
    ),
)
# What stands between clients and the wire, after their number and `clients`.
CLIENTS = {
    DataPlane.SIDECAR: "clients with sidecar",
    DataPlane.AMBIENT: "clients in ambient mode",
    DataPlane.GATEWAY: "gateways",
    DataPlane.NONE: "clients outside the mesh",
    DataPlane.UNKNOWN: "clients that may have a sidecar",
}
# What sets a workload apart from one with a sidecar.
PLANES = {
    DataPlane.SIDECAR: "",
    DataPlane.AMBIENT: "ambient",
    DataPlane.GATEWAY: "gateway",
    DataPlane.NONE: "no sidecar",
    DataPlane.UNKNOWN: "sidecar unknown",
}
# What only policies of authorization do.
ACCESS = (Change.OPENED, Change.CLOSED)
MAY = "may "
WOULD = "would "
NO_EFFECT = "no effect on any port or call"
# Said where policies of authorization change, and all that they let in is the same.
PROVEN = "nothing changes for any request of any client"
NO_BREAK = "no call that counts breaks"
SAFE = "every call that works before and after works in between, too"
NOT_MADE = "not made"
DEFAULT = "Istio's default"


def gravity(effect: Effect) -> Severity | None:
    """How grave an effect is at its worst; None: nothing of it needs a second look."""
    if effect.breaks or effect.loosened or any(each.decided for each in effect.unsafe):
        return Severity.ERROR
    needs_a_look = {Tone.BAD, Tone.DOUBTFUL}
    if effect.undecided or any(of_call(each).tone in needs_a_look for each in effect.calls):
        return Severity.WARNING
    return None


def verdict(effect: Effect) -> str:
    """The effect on one environment in one sentence, without a full stop."""
    ports = count_verbs((PORT_VERBS[port.change], 1) for port in effect.ports)
    calls = count_verbs((of_call(group), group.count) for group in effect.calls)
    parts = [counted(count, "port", verb) for verb, count in ports.items()]
    parts += [counted(count, "call", verb) for verb, count in calls.items()]
    if not parts and effect.is_empty:
        return f"{NO_EFFECT}: {PROVEN}" if effect.is_proven else NO_EFFECT
    if not effect.breaks:
        parts.append(NO_BREAK)
    certain = [each for each in effect.unsafe if each.decided]
    if certain:
        count = sum(each.count for each in certain)
        parts.append(f"{plural(count, 'call')} {agree(count, 'fails', 'fail')} on the way there")
    if effect.undecided:
        parts.append(f"{len(effect.undecided)} not decidable")
    return ", ".join(parts)


def count_verbs(changes: Iterable[tuple[Verb, int]]) -> dict[Verb, int]:
    """How many there are of each verb, the gravest verb first."""
    counts: Counter[Verb] = Counter()
    for verb, count in changes:
        counts[verb] += count
    return {verb: counts[verb] for verb in ALL_VERBS if counts[verb]}


def counted_calls(calls: Iterable[CallChange]) -> str:
    """`2 calls break, 1 call is led away`."""
    counts = count_verbs((of_call(group), group.count) for group in calls)
    return ", ".join(counted(count, "call", verb) for verb, count in counts.items())


def gravest_first(calls: Iterable[CallChange]) -> list[CallChange]:
    """Calls as every list has them: the gravest change first, what counts before the rest."""
    rank = {change: number for number, change in enumerate(VERBS)}
    return sorted(calls, key=lambda each: (rank[each.change], not each.counts, -each.count))


def counted(count: int, noun: str, verb: Verb) -> str:
    """`1 port tightens`, `3 calls break`."""
    return f"{plural(count, noun)} {verb.one if count == 1 else verb.many}"


def sentences(effect: Effect) -> Iterator[Sentence]:
    """Everything that changes or may change, a sentence for each line of a table."""
    for ports in port_lines(effect.ports):
        yield Sentence(port_sentence(ports), PORT_VERBS[ports.first.change].tone)
    for calls in call_lines(effect.calls):
        yield Sentence(call_sentence(calls, effect.clients), of_line(calls).tone)
    for undecided in effect.undecided:
        yield Sentence(f"not decidable: {open_end(undecided)}", Tone.DOUBTFUL)


def access_sentences(effect: Effect, *changes: Change, undecided: bool = False) -> list[Sentence]:
    """Which requests of whom policies let in or deny now, what is let in first.

    Of these changes, or of all that tell requests; `undecided`: also what only may be so.
    """
    calls = (*effect.calls, *effect.open_calls) if undecided else effect.calls
    lines = [
        line
        for line in call_lines(calls)
        if (line.change in changes if changes else line.requests or line.witness)
    ]
    lines.sort(key=lambda line: line.change != Change.OPENED)
    return [Sentence(_access_of(line, effect.clients), of_line(line).tone) for line in lines]


def _access_of(line: CallLine, totals: Mapping[DataPlane, int]) -> str:
    """`shop/web to shop/cart:8080 is let in: GET /orders/*, such as GET /orders/1`."""
    verb = of_count(of_line(line), line.clients.count, decided=line.decided)
    return f"{who(line, totals)} to {where(line)} {verb}: {access(line)}"


def port_sentence(line: PortLine) -> str:
    """`boards/boards:8080 tightens: PERMISSIVE -> STRICT by boards/default (namespace)`."""
    verb = PORT_VERBS[line.first.change]
    does = verb.one if len(line.ports) == 1 else verb.many
    modes = f"{mode(line.first.before)} -> {mode(line.first.after)}"
    return f"{ports_of(line)} {does}: {modes} by {decider(line.first.after)}"


def call_sentence(line: CallLine, totals: Mapping[DataPlane, int]) -> str:
    """`3 calls of shop/web to shop/cart:8080 break: ok-mtls -> refused`."""
    before, after = outcomes(line)
    calls = f"{plural(line.count, 'call')} of {who(line, totals)} to {where(line)}"
    sentence = f"{calls} {change(line)}: {before} -> {after}"
    return f"{sentence} ({access(line)})" if line.requests or line.witness else sentence


def access(line: CallLine) -> str:
    """Which requests policies treat otherwise: `GET /orders/*, such as GET /orders/1`."""
    shown = "; ".join(line.requests[:PORTS])
    if len(line.requests) > PORTS:
        shown += f" and {len(line.requests) - PORTS} more"
    example = f"such as {request(line.witness)}" if line.witness is not None else ""
    return ", ".join(filter(None, (shown, example)))


def request(witness: Request) -> str:
    """A request in one line: `GET http://cart/x with x-user: a`."""
    headers = ", ".join(f"{name}: {value}" for name, value in witness.headers.items())
    sentence = f"{witness.method} {witness.path}"
    return f"{sentence} with {headers}" if headers else sentence


def named(workload: Workload) -> str:
    """A workload, with what sets it apart from one with a sidecar."""
    plane = PLANES[workload.plane]
    return f"{workload} ({plane})" if plane else str(workload)


def owner(resource: Resource) -> str:
    """`namespace/name`, as people write it."""
    return f"{resource.namespace or 'default'}/{resource.name}"


def clients(of: Clients | DistinctClients, plane: DataPlane, *, all_of_them: bool = False) -> str:
    """Who these clients are: their names where they are few."""
    if of.label:
        return of.label
    if of.count <= CLIENTS_NAMED:
        # All of a line stand in the same way to the mesh.
        names = ", ".join(map(str, of.members))
        return f"{names} ({PLANES[plane]})" if PLANES[plane] else names
    if all_of_them:
        return f"all {of.count} {CLIENTS[plane]}"
    namespaces = of.namespaces
    where = namespaces[0] if len(namespaces) == 1 else f"{len(namespaces)} namespaces"
    return f"{of.count} {CLIENTS[plane]} in {where}"


def who(line: CallLine, totals: Mapping[DataPlane, int]) -> str:
    """The clients of a line."""
    return clients(line.clients, line.plane, all_of_them=everybody(line, totals))


def where(line: CallLine) -> str:
    """The places where the calls of a line end, or the service ports that are called."""
    if line.ends:
        where_to = ends(line.ends)
    else:
        hosts = [f"{host}:{port_name(port)}" for host, port in line.hosts]
        where_to = ", ".join(hosts) if len(hosts) <= NAMED else f"{len(hosts)} service ports"
    subsets = [each for each in line.subsets if each is not None]
    if len(subsets) < len(line.subsets):
        return where_to
    return f"{where_to} ({agree(len(subsets), 'subset', 'subsets')} {', '.join(subsets[:PORTS])})"


def ends(places: Iterable[EndpointName]) -> str:
    """`boards/boards:8080`; of many `boards/*:8080,9102`."""
    known = list(places)
    numbers = sorted({place.port for place in known})
    ports = ",".join(map(port_name, numbers)) if len(numbers) <= PORTS else f"{len(numbers)} ports"
    names = list(dict.fromkeys(f"{p.namespace}/{p.workload or p.address}" for p in known))
    if len(names) <= NAMED:
        return ", ".join(
            f"{name}:{','.join(port_name(p.port) for p in own)}"
            for name, group in itertools.groupby(
                sorted(known, key=_name_and_port), key=lambda p: _name_and_port(p)[0]
            )
            for own in [list(group)]
        )
    spaces = {place.namespace for place in known}
    if len(spaces) == 1:
        return f"{next(iter(spaces))}/*:{ports}"
    return f"{len(names)} workloads in {len(spaces)} namespaces, port {ports}"


def _name_and_port(place: EndpointName) -> tuple[str, int]:
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
    numbers = sorted({number for own in names.values() for number in own}, key=_as_number)
    ports = ",".join(numbers) if len(numbers) <= PORTS else f"{len(numbers)} ports"
    if len(spaces) == 1:
        return f"{next(iter(spaces))}/*:{ports} ({len(names)} workloads)"
    return f"{len(names)} workloads in {len(spaces)} namespaces:{ports}"


def _as_number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def mode(state: PortState) -> str:
    """What a port enforces; several where files leave it open."""
    modes = state.modes or (state.mode,)
    return " or ".join(str(each or "no proxy") for each in modes)


def decider(state: PortState) -> str:
    """Which policy decides a port."""
    level, policy = state.decided_by
    if policy is None:
        return DEFAULT if level is Level.DEFAULT and state.mode else "no policy"
    return f"{owner(policy)} ({level})"


def outcomes(line: CallLine) -> tuple[str, str]:
    """How calls end before and after."""
    return str(line.before or NOT_MADE), str(line.after or NOT_MADE)


def outcome(state: CallState | None) -> str:
    """How a call ends on one side; all ways that some order of creation gives."""
    if state is None:
        return NOT_MADE
    return " or ".join(map(str, state.outcomes)) or str(state.outcome)


def change(line: CallLine) -> str:
    """What becomes of the calls of a line."""
    return of_count(of_line(line), line.count, decided=line.decided)


def still_fails(before: Outcome | None, after: Outcome | None) -> bool:
    """Whether a call fails on both sides."""
    return all(each is not None and worth(each, None) is Verdict.BROKEN for each in (before, after))


def of_call(change: CallChange) -> Verb:
    """What becomes of one change's calls, by what they come to before and after."""
    sides = (each.outcome if each else None for each in (change.before, change.after))
    return _verb(change.change, *sides)


def of_line(line: CallLine) -> Verb:
    """What becomes of the calls of a line."""
    return _verb(Change(line.change), line.before, line.after)


def _verb(change: Change, before: Outcome | None, after: Outcome | None) -> Verb:
    if change is Change.MOVED and still_fails(before, after):
        return STILL_FAILS
    if change is Change.MENDS and after is Outcome.OK_PLAINTEXT:
        return IN_PLAINTEXT
    return VERBS[change]


def of_count(verb: Verb, count: int, *, decided: bool = True) -> str:
    """What becomes of so many calls: `break`, `may be shut out`."""
    if decided or verb is VERBS[Change.UNKNOWN]:
        return verb.one if count == 1 else verb.many
    return MAY + infinitive(verb)


def infinitive(verb: Verb) -> str:
    """`break`, `be shut out`: what stands after `may` and `would`."""
    return re.sub("^are ", "be ", verb.many)


def unsafe(line: CallLine) -> str:
    """A combination that fails, and how."""
    return f"{fails(decided=line.decided)}: {line.after} with {line.change}"


def fails(*, decided: bool) -> str:
    """What calls do on the way, as far as it is known."""
    return "fails" if decided else f"{MAY}fail"


def uncovered(each: Uncovered) -> str:
    """What one policy uncovers."""
    gone = "is deleted" if each.is_deleted else "decides less"
    heir = f"{each.now} decides" if each.now is not None else "a default decides"
    what = [plural(len(each.ports), "port")] if each.ports else []
    if each.calls:
        count = sum(call.count for call in each.calls)
        what.append(plural(count, "call"))
    return f"{each.policy} {gone}: {heir} now on {' and '.join(what)}"


def unexercised(each: Unexercised) -> str:
    """A change that the environment before has not been through."""
    change_ = each.change
    if isinstance(change_, PortChange):
        there = f"is {each.there} there" if each.there else "is not there"
        return f"{change_} {mode(change_.after)}: {each.upstream} {there}"
    after = change_.after.outcome if change_.after is not None else NOT_MADE
    there = f"ends in {each.there} there" if each.there else "is not called there"
    return f"{change_.host}:{change_.port} {after}: {each.upstream}, {there}"


def open_end(each: PortChange | CallChange | Unsafe | UndecidedPolicy) -> str:
    """What may happen and cannot be told."""
    if isinstance(each, UndecidedPolicy):
        return f"{each.policy}: {each.reason}"
    if isinstance(each, PortChange):
        change_ = PORT_VERBS[each.change].many
        return f"{each} may {change_} ({mode(each.before)} to {mode(each.after)}): {each.reason}"
    callers = clients(each.clients, each.clients.plane)
    return f"{callers} to {each.host}:{port_name(each.port)}: {each.reason}"
