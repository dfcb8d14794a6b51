"""Steps as JSON: a contract (`schemas/meshgate/steps.schema.json`)."""

from __future__ import annotations

from meshgate.effect.codec import reference
from meshgate.effect.steps import Edit, NoPlan
from meshgate.model import JSONObject
from meshgate.report import Options
from meshgate.report.escape.json_text import dump, members, rows
from meshgate.report.json import VERSION
from meshgate.report.steps import told as words
from meshgate.report.steps.told import Steps, Told


def render(found: Steps, _options: Options) -> str:
    """`{"version", "base", "head", "environments", "notes", "failures"}`."""
    parts = [
        ("version", dump(VERSION)),
        ("base", dump(found.base)),
        ("head", dump(found.head)),
        ("environments", rows(map(environment, found.environments), " ")),
        ("notes", rows(found.notes, " ")),
        ("failures", rows((failure._asdict() for failure in found.failures), " ")),
    ]
    return members(parts) + "\n"


def environment(told: Told) -> JSONObject:
    """One environment of the contract."""
    found = told.found
    return {
        "name": told.environment,
        "safe": found.total.is_safe,
        "planned": not isinstance(found, NoPlan),
        "reason": {"why": found.why.value, "text": found.reason}
        if isinstance(found, NoPlan)
        else None,
        "breaks": words.count(found.total),
        "judged": found.judged,
        "steps": [step(told, number) for number in range(len(told.steps))],
    }


def step(told: Told, number: int) -> JSONObject:
    """One step of the contract."""
    each = told.steps[number]
    written = told.written[number] if told.written else None
    return {
        "number": number + 1,
        "purposes": [purpose.value for purpose in each.purposes],
        "why": words.why(each),
        "safe": each.effect.is_safe,
        "breaks": words.count(each.effect),
        "exposed": each.exposed,
        "edits": [_edit(edit) for edit in each.edits],
        "wait": words.waits(told, number),
        "files": list(written.files) if written else [],
        "removed": list(written.removed) if written else [],
    }


def _edit(edit: Edit) -> JSONObject:
    return {
        "action": edit.action,
        "resource": reference(edit.resource.ref),
        "object": edit.after.value if edit.after is not None else None,
        "changes": [line._asdict() for line in words.changes(edit)],
    }
