"""Steps as JSON: a contract (`schemas/meshgate/steps.schema.json`)."""

from __future__ import annotations

from meshgate.effect.codec import reference
from meshgate.effect.steps import Edit, NoPlan
from meshgate.model import JSONObject
from meshgate.report import Options
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.json import VERSION
from meshgate.report.steps import describe
from meshgate.report.steps.describe import EnvironmentSteps, Steps


def render(steps: Steps, _options: Options) -> str:
    """`{"version", "base", "head", "environments", "notes", "failures"}`."""
    return document(
        version=VERSION,
        base=steps.base,
        head=steps.head,
        environments=Rows(map(environment, steps.environments)),
        notes=Rows(steps.notes),
        failures=Rows(failure._asdict() for failure in steps.failures),
    )


def environment(planned: EnvironmentSteps) -> JSONObject:
    """One environment of the contract."""
    outcome = planned.outcome
    return {
        "name": planned.environment,
        "safe": outcome.total.is_safe,
        "planned": not isinstance(outcome, NoPlan),
        "reason": {"why": outcome.why.value, "text": outcome.reason}
        if isinstance(outcome, NoPlan)
        else None,
        "breaks": describe.count(outcome.total),
        "judged": outcome.judged,
        "steps": [step(planned, number) for number in range(len(planned.steps))],
    }


def step(planned: EnvironmentSteps, number: int) -> JSONObject:
    """One step of the contract."""
    each = planned.steps[number]
    written = planned.written[number] if planned.written else None
    return {
        "number": number + 1,
        "purposes": [purpose.value for purpose in each.purposes],
        "why": describe.why(each),
        "safe": each.effect.is_safe,
        "breaks": describe.count(each.effect),
        "exposed": each.exposed,
        "edits": [_edit(edit) for edit in each.edits],
        "wait": describe.waits(planned, number),
        "files": list(written.files) if written else [],
        "removed": list(written.removed) if written else [],
    }


def _edit(edit: Edit) -> JSONObject:
    return {
        "action": edit.action,
        "resource": reference(edit.resource.ref),
        "object": edit.after.value if edit.after is not None else None,
        "changes": [line._asdict() for line in describe.changes(edit)],
    }
