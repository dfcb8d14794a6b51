"""Steps as Markdown, for a pull request or an issue that plans them."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.report import Options
from meshgate.report.escape.json_text import dump
from meshgate.report.escape.markdown import block, code, prose
from meshgate.report.markdown import not_judged
from meshgate.report.shared_findings import shared_failures
from meshgate.report.steps import describe
from meshgate.report.steps.describe import EnvironmentSteps, Steps


def render(steps: Steps, _options: Options) -> str:
    """A heading for each environment, and a list of what to do below it."""
    return "\n".join(_lines(steps)) + "\n"


def _lines(steps: Steps) -> Iterator[str]:
    yield "### Safe steps"
    yield ""
    yield f"From {code(steps.base)} to {code(steps.head)}."
    failures = ((each.environment, each.message) for each in steps.failures)
    for message, names in shared_failures(failures).items():
        yield ""
        yield f"- {not_judged(names)}: {prose(message)}"
    for note in steps.notes:
        yield ""
        yield f"- {prose(note)}"
    for planned in steps.environments:
        yield ""
        yield f"#### {prose(planned.environment)}: {prose(describe.verdict(planned))}"
        yield from _steps(planned)


def _steps(planned: EnvironmentSteps) -> Iterator[str]:
    lasting = describe.lasting(planned)
    if lasting:
        yield ""
        yield f"{prose(lasting)}."
    for number, step in enumerate(planned.steps if len(planned.steps) > 1 else ()):
        yield ""
        yield f"**Step {number + 1} of {len(planned.steps)}**: {prose(describe.why(step))}"
        yield ""
        lines = []
        for edit in step.edits:
            lines.append(f"{edit.action} {edit.resource.ref}")
            if edit.after is not None:
                lines += [
                    f"  {line.path}: {dump(line.before)} -> {dump(line.after)}"
                    for line in describe.changes(edit)
                ]
        yield block(lines)
        yield ""
        for warning in describe.warnings(step):
            yield f"- Note: {prose(warning)}"
        for wait in describe.waits(planned, number):
            yield f"- [ ] Wait until {wait}"
