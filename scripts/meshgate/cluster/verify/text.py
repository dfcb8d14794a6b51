"""A verification as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from meshgate.cluster.folding import NAMED, by_kind, first, folded
from meshgate.cluster.verify.drift import ABSENT, CHANGED, MISSING, Absent, Drift, FieldDrift
from meshgate.cluster.verify.foreign import ForeignObject
from meshgate.cluster.verify.verification import Pushed, Verification
from meshgate.effect import CallChange, Effect, Strength, codec, describe
from meshgate.effect.codec import place, reference
from meshgate.effect.grouping import call_lines, port_lines
from meshgate.model import JSON, JSONObject
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import page, plain
from meshgate.report.style import Style
from meshgate.source import Locator
from meshgate.wording import plural

VERSION = 1


def as_text(verification: Verification, locate: Locator, *, color: bool) -> str:
    """What a person reads."""
    style = Style(color=color)
    verdict = "as reviewed" if verification.passed else "not as reviewed"
    lines = [
        style("bold", f"{plain(verification.environment)} on {plain(verification.cluster)}: ")
        + style("green" if verification.passed else "red", verdict),
        "",
        plural(verification.rendered, "object")
        + f" rendered, {len(verification.drift)} not as rendered",
    ]
    lines += _drifts(verification.drift, locate, style)
    if verification.stale:
        lines += ["", f"{plural(len(verification.stale), 'object')} not as the inventory has it"]
        lines += _drifts(verification.stale, locate, style)
    foreign = verification.outcome.foreign
    if foreign:
        lines += ["", f"{plural(len(foreign), 'object')} neither rendered nor in the inventory"]
        lines += _foreigners(foreign, style)
    lines += ["", *_effect(verification.outcome.effect, style)]
    for fact in verification.facts:
        lines += ["", style("red", plain(f"environments.yaml: {fact}"))]
    if verification.pushed is not None:
        lines += ["", *_pushed(verification.pushed, style)]
    for sentence in verification.open:
        lines += ["", style("yellow", plain(f"not known: {sentence}"))]
    if verification.notes:
        lines += ["", *(plain(note) for note in folded(verification.notes))]
    return page(lines)


def as_json(whole: Verification, locate: Locator) -> str:
    """One object, of the shape of schemas/meshgate/verification.schema.json."""
    effect = whole.outcome.effect
    return document(
        version=VERSION,
        environment=whole.environment,
        cluster=whole.cluster,
        result="pass" if whole.passed else "fail",
        numbers=whole.numbers,
        drift=Rows(_drift_entry(each, locate) for each in whole.drift),
        stale=Rows(_drift_entry(each, locate) for each in whole.stale),
        foreign=Rows(
            {"resource": reference(each.resource.ref), "decides": each.decides}
            for each in whole.outcome.foreign
        ),
        ports=Rows(map(codec.port, effect.ports)),
        calls=Rows(map(_call_entry, effect.calls)),
        undecided=len(effect.undecided),
        facts=Rows(
            {"key": each.key, "stated": each.stated, "found": each.live} for each in whole.facts
        ),
        pushed=_pushed_entry(whole.pushed) if whole.pushed else None,
        unknown=Rows(whole.open),
        notes=Rows(whole.notes),
    )


def _drifts(listed: Sequence[Drift], locate: Locator, style: Style) -> Iterator[str]:
    """Each of the first with its fields; the kinds of the others."""
    for entry in listed[:NAMED]:
        yield from _drift(entry, locate, style)
    if rest := listed[NAMED:]:
        yield f"  and {by_kind(each.resource.kind for each in rest)}; --format json has all"


def _foreigners(listed: Sequence[ForeignObject], style: Style) -> Iterator[str]:
    """What decides first, that of the most calls before the others."""

    def weight(foreign: ForeignObject) -> tuple[int, ...]:
        return -foreign.calls, -foreign.ports, -foreign.undecided, not foreign.may

    graver = sorted(listed, key=weight)
    for entry in graver[:NAMED]:
        yield _foreign(entry, style)
    rest = graver[NAMED:]
    if deciding := [each.resource.kind for each in rest if each.decides]:
        yield "  " + style("red", f"and {by_kind(deciding)} that change something")
    if idle := [each.resource.kind for each in rest if not each.decides]:
        yield f"  and {by_kind(idle)} that change nothing"
    if rest:
        yield "  --format json has all"


def _drift(drift: Drift, locate: Locator, style: Style) -> Iterator[str]:
    at = locate(drift.resource, "")
    where = f" ({at.file}:{at.line})" if at else ""
    what = {
        MISSING: "is missing",
        CHANGED: "is changed",
    }.get(drift.kind, "is of a kind that is not looked at")
    yield "  " + style("red", f"{plain(str(drift.resource))} {what}") + plain(where)
    for change in drift.changes[:NAMED]:
        yield plain(
            f"    {change.path}: rendered {_shown(change.wanted)}, there {_shown(change.live)}"
        )
    if len(drift.changes) > NAMED:
        yield f"    and {len(drift.changes) - NAMED} more"


def _foreign(foreign: ForeignObject, style: Style) -> str:
    name = plain(str(foreign.resource))
    if not foreign.decides:
        return f"  {name}: changes nothing"
    if not (foreign.ports or foreign.calls or foreign.undecided):
        return "  " + style("red", f"{name}: may change something")
    parts = [
        plural(foreign.ports, "port") if foreign.ports else "",
        plural(foreign.calls, "call") if foreign.calls else "",
        f"{foreign.undecided} undecided" if foreign.undecided else "",
    ]
    return "  " + style("red", f"{name}: changes {', '.join(filter(None, parts))}")


def _effect(effect: Effect, style: Style) -> Iterator[str]:
    if effect.is_empty:
        yield "Every port and every call is as reviewed."
        return
    yield "What that does, against what was reviewed:"
    calls = [describe.call_sentence(line, effect.clients) for line in call_lines(effect.calls)]
    ports = sorted(
        port_lines(effect.ports),
        key=lambda line: line.first.change is Strength.TIGHTENED,
    )
    # Ports by the thousand must not hide the calls that break.
    for sort in (
        [describe.port_sentence(line) for line in ports],
        calls,
        [f"not decidable: {describe.open_end(each)}" for each in effect.undecided],
    ):
        for line in first(sort):
            yield "  " + style("red", plain(line))


def _pushed(compared: Pushed, style: Style) -> Iterator[str]:
    if not compared.proxies:
        yield style("red", "istiod: no sidecar of a known workload is connected")
    else:
        yield (
            f"istiod: {plural(compared.proxies, 'workload')} compared, "
            f"{plural(compared.ports, 'port')} and {plural(compared.clusters, 'cluster')}; "
            f"{len(compared.disagreements)} other than the model, {len(compared.late)} late, "
            f"{compared.open} left open"
        )
    disagreements = [
        f"{each.workload} {each.what}: model {each.model}, pushed {each.pushed}"
        for each in compared.disagreements
    ]
    late = [
        f"{each.proxy} has not taken its {each.what}" + (f": {each.error}" if each.error else "")
        for each in compared.late
    ]
    for sentence in (*first(disagreements), *first(late)):
        yield "  " + style("red", plain(sentence))


def _drift_entry(each: Drift, locate: Locator) -> JSONObject:
    return {
        "resource": reference(each.resource.ref),
        "kind": each.kind,
        "source": place(locate(each.resource, "")),
        "changes": [_change_entry(change) for change in each.changes],
    }


def _change_entry(change: FieldDrift) -> JSONObject:
    """A field that is not there is left out; null is a value."""
    entry: JSONObject = {"path": change.path}
    if change.wanted is not ABSENT:
        entry["rendered"] = change.wanted
    if change.live is not ABSENT:
        entry["found"] = change.live
    return entry


def _call_entry(each: CallChange) -> JSONObject:
    """A group of calls, with the clients that make them."""
    return {
        **codec.call(each),
        "clients": [*map(str, each.clients.members)] or [each.clients.label],
    }


def _pushed_entry(answer: Pushed) -> JSONObject:
    return {
        "proxies": answer.proxies,
        "ports": answer.ports,
        "clusters": answer.clusters,
        "open": answer.open,
        "disagreements": [
            {
                "workload": str(entry.workload),
                "what": entry.what,
                "model": entry.model,
                "pushed": entry.pushed,
            }
            for entry in answer.disagreements
        ],
        "late": [
            {"proxy": entry.proxy, "what": entry.what, "error": entry.error}
            for entry in answer.late
        ],
        "unseen": list(answer.unseen),
        "gone": list(answer.gone),
    }


def _shown(value: JSON | Absent) -> str:
    return "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False)
