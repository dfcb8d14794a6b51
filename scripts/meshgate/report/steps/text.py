"""Steps as people read them in a terminal: a story in the order in which they are taken."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.describe import gravity
from meshgate.effect.steps import Edit
from meshgate.report import Options
from meshgate.report import text as findings
from meshgate.report.escape.json_text import dump
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.shared_findings import enumerated, shared_failures
from meshgate.report.steps import describe
from meshgate.report.steps.describe import EnvironmentSteps, Steps
from meshgate.report.style import Style

WIDEST = 100
SIGNS = {"create": ("+", "green"), "replace": ("~", "yellow"), "delete": ("-", "red")}


def render(steps: Steps, options: Options) -> str:
    """Each environment's steps, and one sentence for each environment."""
    return page(StepsText(steps, options).all())


class StepsText:
    """Steps on their way to a terminal."""

    def __init__(self, steps: Steps, options: Options) -> None:
        self.answer = steps
        self.style = Style(color=options.color)
        self.width = min(max(options.width, findings.NARROWEST), WIDEST)

    def all(self) -> Iterator[str]:
        """Everything, line by line."""
        for planned in self.answer.environments:
            if len(planned.steps) > 1:
                yield from self.environment(planned)
        failures = ((each.environment, each.message) for each in self.answer.failures)
        for message, names in shared_failures(failures).items():
            yield self.style("red", f"not judged: {plain(enumerated(names))}")
            for line in message.splitlines():
                yield from self.indented(line, 2)
        for note in self.answer.notes:
            yield from wrap(f"note: {plain(note)}", self.width)
        yield self.style("dim", plain(f"{self.answer.base} -> {self.answer.head}"))
        alike: dict[tuple[str, str], list[str]] = {}
        for planned in self.answer.environments:
            heading = describe.verdict(planned), _colour(planned)
            alike.setdefault(heading, []).append(planned.environment)
        for (verdict, colour), these in alike.items():
            for line in wrap(plain(f"{enumerated(these)}: {verdict}."), self.width):
                yield self.style("bold", self.style(colour, line))

    def environment(self, planned: EnvironmentSteps) -> Iterator[str]:
        """The steps of one environment."""
        title = plain(planned.environment)
        rule = "-" * max(3, self.width - len(title) - 1)
        yield f"{self.style('bold', title)} {self.style('dim', rule)}"
        yield ""
        lasting = describe.lasting(planned)
        if lasting:
            yield from self.indented(f"{lasting}.", 0)
            yield ""
        for number, step in enumerate(planned.steps):
            heading = f"step {number + 1} of {len(planned.steps)}"
            yield from self.indented(f"{heading}: {describe.why(step)}", 0, bold=heading)
            for edit in step.edits:
                yield from self.edit(edit)
            for warning in describe.warnings(step):
                yield from self.indented(f"note: {warning}", 2, "yellow")
            for wait in describe.waits(planned, number):
                yield from self.indented(f"wait until {wait}", 2, "cyan")
            if planned.written:
                yield from self.written(planned, number)
            yield ""

    def written(self, planned: EnvironmentSteps, number: int) -> Iterator[str]:
        """How to take a step that was written."""
        source = f"{self.answer.folder}/step-{number + 1}"
        yield "  " + self.style("dim", plain(f"cp -r {source}/. ."))
        removed = planned.written[number].removed
        if removed:
            yield "  " + self.style("dim", plain(f"git rm {' '.join(removed)}"))

    def edit(self, edit: Edit) -> Iterator[str]:
        """One object, and what changes of it."""
        sign, colour = SIGNS[edit.action]
        yield f"  {self.style(colour, sign)} {plain(str(edit.resource.ref))}"
        if edit.after is None:
            return
        for line in describe.changes(edit):
            was = "" if line.before is None else f"{_short(line.before)} -> "
            value = "(gone)" if line.after is None else _short(line.after)
            yield from self.indented(f"{line.path}: {was}{value}", 6)

    def indented(self, text: str, by: int, style: str = "", *, bold: str = "") -> Iterator[str]:
        """Untrusted text, wrapped; its start may be bold."""
        for index, line in enumerate(wrap(plain(text), self.width - by - 2)):
            shown = self.style(style, line)
            if bold and line.startswith(bold):
                shown = self.style("bold", bold) + line[len(bold) :]
            yield " " * (by + 2 * bool(index)) + shown


def _colour(planned: EnvironmentSteps) -> str:
    """Green is only where nothing needs a second look, on the way or at its end."""
    total = planned.outcome.total
    if not (planned.steps or total.is_safe):
        return "red"
    return "yellow" if gravity(total) else "green"


def _short(value: object) -> str:
    return value if isinstance(value, str) else dump(value)
