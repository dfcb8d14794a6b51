"""The verdict line, what a merge will do, and what a reviewer must not miss."""

from __future__ import annotations

from meshgate.effect import describe
from meshgate.promotion.body.contents import Contents
from meshgate.promotion.body.words import LONG, SHORT, cut, moment
from meshgate.promotion.values import Event, PromotionRecord
from meshgate.report.budget import Section
from meshgate.report.escape.markdown import code, prose

REFUSED, WAITS, WEAKER, READY = ":x:", ":hourglass:", ":warning:", ":white_check_mark:"
# How many of what it waits for the first line names.
NAMED = 3
# What a guard waits for, in the words of the first line.
AWAITED = {
    "PR11": "the end of a hold",
    "PR14": "PERMISSIVE to soak",
    "PR15": "agreement to weaker ports",
    "PR19": "approval",
}
DOES = {
    Event.PROMOTE: "puts {0} on {1}",
    Event.HOTFIX: "puts the hotfix {0} on {1}",
    Event.ROLLBACK: "puts {1} back to {0}",
    Event.ADOPT: "takes {1} over as it is, at {0}",
    Event.HOLD: "holds {1}: {2}",
    Event.RESUME: "resumes {1}: promotions may enter it again",
    Event.REJECT: "rejects {3} for {1} and everything after it",
}


def verdict(contents: Contents) -> Section:
    """One line that says how it stands, and what a merge will do."""
    return Section(f"### {_heading(contents)}\n\n{_what_happens(contents)}\n\n")


def reason(contents: Contents) -> Section:
    """Why somebody asked for it."""
    record = contents.record
    if not record.reason:
        return Section("")
    ticket = f" ({prose(cut(record.ticket, SHORT))})" if record.ticket else ""
    item = f"**Why:** {prose(cut(record.reason, LONG // 2))}{ticket}\n\n"
    return Section("", [item], 1, "", f"**Why:** see {code(record.path)}\n\n")


def alarms(contents: Contents) -> Section:
    """What a reviewer must not miss: refusals, accepted breaks, bypasses, weaker ports."""
    items = [
        f"- :x: **{prose(refusal.guard)}** {prose(cut(refusal.message, LONG // 2))}\n"
        for refusal in contents.refusals
    ]
    items += [
        f"- :hourglass: **{prose(refusal.guard)}** {prose(cut(refusal.message, LONG // 2))}\n"
        for refusal in contents.waits
    ]
    record = contents.record
    items += [
        f"- :warning: {code(cut(str(accepted.get('finding', 'breaks')), SHORT))} is acknowledged "
        f"by {prose(cut(str(accepted.get('by', '')), SHORT))} until "
        f"{prose(str(accepted.get('until', '')))}\n"
        for accepted in record.acknowledges
    ]
    items += [
        f"- :warning: {code(cut(bypass.gate, SHORT))} is passed over by "
        f"{prose(cut(bypass.by, SHORT))}: {prose(cut(bypass.reason, SHORT))}\n"
        for bypass in record.bypasses
    ]
    items += [f"- {prose(cut(note, LONG // 2))}\n" for note in contents.notes]
    if contents.also_in:
        names = ", ".join(map(code, contents.also_in))
        items.append(
            f"- :warning: {names} {'has' if len(contents.also_in) == 1 else 'have'} the rejected "
            "release too: run the same command there\n"
        )
    return Section("", items, len(items), "\n", "- {} more\n") if items else Section("")


def _heading(contents: Contents) -> str:
    mark, stand = _standing(contents)
    return f"{mark} {code(cut(contents.environment, SHORT))}: {stand}{_summary(contents)}"


def _standing(contents: Contents) -> tuple[str, str]:
    if contents.refusals:
        guards = ", ".join(dict.fromkeys(refusal.guard for refusal in contents.refusals))
        return REFUSED, f"refused by {prose(cut(guards, SHORT))}"
    names = [code(cut(gate.name, SHORT)) for gate in contents.waiting]
    names += [AWAITED.get(refusal.guard, prose(refusal.name)) for refusal in contents.waits]
    if names := list(dict.fromkeys(names)):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return WAITS, f"waits for {', '.join(names[:NAMED])}{more}"
    return (WEAKER if contents.weakens else READY), "ready to merge"


def _summary(contents: Contents) -> str:
    effect = contents.effect
    return "" if effect is None else f" \u2014 {describe.verdict(effect)}"


def _what_happens(contents: Contents) -> str:
    record = contents.record
    release = f"**{code(record.alias)}** ({code(record.release)})"
    name = f"**{code(record.environment)}**"
    gone = ", ".join(map(code, _rejected(contents)))
    text = "Merging this " + DOES[record.event].format(release, name, _held(record), gone)
    before = contents.before
    if before is not None and record.event.changes_render:
        text += f", in place of {code(before.alias)} (sequence {before.sequence})"
    if record.event.changes_render:
        numbers = (
            f"{len(files)} {word}"
            for files, word in (
                (record.added, "added"),
                (record.changed, "changed"),
                (record.removed, "removed"),
            )
            if files
        )
        changed = ", ".join(numbers) or "no file changes"
        folder = code(f"rendered/{record.environment}")
        text += f". Its clusters sync {folder}: {changed}, {record.rendered.resources} in all"
    if record.event is Event.ROLLBACK:
        text += f". {name} is held afterwards: {_held(record)}"
        text += f"; {gone} is rejected, here and in everything after it" if gone else ""
    return text + "."


def _held(record: PromotionRecord) -> str:
    """What a hold keeps out, and until when."""
    if record.hold is None:
        return ""
    until = moment(record.hold.until) if record.hold.until else "it is resumed"
    return f"no {' and no '.join(map(str, record.hold.blocks))} enters it until {until}"


def _rejected(contents: Contents) -> list[str]:
    """The releases that are rejected by this event."""
    before = contents.before.rejected if contents.before else ()
    return [release for release in contents.record.rejected if release not in before]
