"""The effect of a change as people read it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.effect import Effect, PortChange, Strength, Uncovered, describe
from meshgate.effect.grouping import call_lines, port_lines, unsafe_lines
from meshgate.model import Severity
from meshgate.report import Options, observed
from meshgate.report import text as findings
from meshgate.report.effect.compared import Compared, Diff
from meshgate.report.escape.terminal import page, plain, wrap
from meshgate.report.shared_findings import enumerated, shared_failures
from meshgate.report.style import TONES, Style
from meshgate.report.table import Cell, Column, table

# How many lines of a sort are shown before the rest is only counted.
SHOWN = 20
WIDEST = 100
VERDICT_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", None: "green"}
PORTS = (Column("ports"), Column("before"), Column("after"), Column("decided by", soft=True))
CALLS = (
    Column("calls", right=True),
    Column("of", soft=True),
    Column("to", soft=True),
    Column("before"),
    Column("after"),
    Column(""),
)


def render(diff: Diff, options: Options) -> str:
    """Each environment's effect, the findings on it, and one sentence for each environment."""
    return page(EffectText(diff, options).all())


class EffectText:
    """One diff on its way to a terminal."""

    def __init__(self, diff: Diff, options: Options) -> None:
        self.diff = diff
        self.options = options
        self.style = Style(color=options.color)
        self.width = max(options.width, findings.NARROWEST)

    def all(self) -> Iterator[str]:
        """Everything, line by line."""
        for names, body in self.effects().items():
            title = plain(enumerated(names))
            rule = "-" * max(3, min(self.width, WIDEST) - len(title) - 1)
            yield f"{self.style('bold', title)} {self.style('dim', rule)}"
            yield ""
            yield from body
        everywhere = [each.environment for each in self.diff.environments]
        yield from findings.FindingsText(self.diff.report, self.options).findings(everywhere)
        yield from self.closing()

    def effects(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """What is shown of environments, by their names: once for all that read the same.

        What breaks a call stands first.
        """
        alike: dict[tuple[str, ...], list[str]] = {}
        changed = [each for each in self.diff.environments if each.seen or not each.effect.is_empty]
        for each in sorted(changed, key=lambda each: -sum(x.count for x in each.effect.breaks)):
            alike.setdefault(tuple(self.environment(each)), []).append(each.environment)
        return {tuple(names): body for body, names in alike.items()}

    def environment(self, each: Compared) -> Iterator[str]:
        """The effect on one environment, without its name."""
        yield from self.ports(each.effect)
        yield from self.calls(each.effect)
        yield from self.access(each.effect)
        yield from self.way(each.effect)
        if each.seen is not None:
            yield from observed.text(*each.seen, self.style, self.width)
            yield ""
        yield from self.uncovered(each.effect.uncovered)
        yield from self.listed(
            "not decidable", [describe.open_end(x) for x in each.effect.undecided], "yellow"
        )
        yield from self.listed(
            "not exercised before",
            [describe.unexercised(x) for x in each.effect.unexercised],
            "dim",
        )

    def ports(self, effect: Effect) -> Iterator[str]:
        """What ports enforce, looser ones first."""
        lines = port_lines(effect.ports)
        rows = [
            [
                Cell(plain(describe.ports_of(line))),
                Cell(describe.mode(line.first.before)),
                Cell(
                    describe.mode(line.first.after),
                    "green" if line.first.change is Strength.TIGHTENED else "red",
                ),
                Cell(plain(_deciders(line.first))),
            ]
            for line in lines[:SHOWN]
        ]
        if rows:
            yield from table(PORTS, rows, self.style, self.width)
            yield from self.more(lines)
            yield ""

    def calls(self, effect: Effect) -> Iterator[str]:
        """What becomes of calls, the gravest first."""
        lines = call_lines(effect.calls)
        rows = []
        for line in lines[:SHOWN]:
            before, after = describe.outcomes(line)
            colour = TONES[describe.of_line(line).tone]
            rows.append(
                [
                    Cell(f"{line.count:,}"),
                    Cell(plain(describe.who(line, effect.clients))),
                    Cell(plain(describe.where(line))),
                    Cell(before),
                    Cell(after, colour),
                    Cell(describe.change(line), colour),
                ]
            )
        if rows:
            yield from table(CALLS, rows, self.style, self.width)
            yield from self.more(lines)
            yield ""

    def access(self, effect: Effect) -> Iterator[str]:
        """Which requests policies let in or deny now, each with an example."""
        sentences = describe.access_sentences(effect)
        yield from self.listed(
            "let in or denied by policies", [each.text for each in sentences], "yellow"
        )

    def way(self, effect: Effect) -> Iterator[str]:
        """Whether the way there is safe."""
        if self.diff.is_drift:
            return
        if effect.is_safe:
            # Good news of the way must not stand beside what needs a second look once it is there.
            label = (
                self.style("dim", "on the way: ")
                if describe.gravity(effect)
                else self.style("green", "safe: ")
            )
            yield label + describe.SAFE
            yield ""
            return
        lines = unsafe_lines(effect.unsafe)
        yield self.style("red", "unsafe:") + " proxies get a change one by one, and on the way"
        for line in lines[:SHOWN]:
            sentences = (
                f"{line.count:,} of {describe.who(line, effect.clients)} to {describe.where(line)}"
                f" {describe.unsafe(line)}"
            )
            yield from self.indented(sentences)
        yield from self.more(lines)
        yield ""

    def uncovered(self, open_places: Sequence[Uncovered]) -> Iterator[str]:
        """What deleted policies leave to others."""
        yield from self.listed(
            "uncovered", [describe.uncovered(each) for each in open_places], "yellow"
        )

    def listed(self, title: str, texts: Sequence[str], style: str) -> Iterator[str]:
        """A title and some sentences."""
        if texts:
            yield self.style(style, f"{title}:")
            for text in texts[:SHOWN]:
                yield from self.indented(text)
            yield from self.more(texts)
            yield ""

    def indented(self, text: str) -> Iterator[str]:
        """Untrusted text, wrapped."""
        first = "  "
        for line in wrap(plain(text), min(self.width, WIDEST) - 4):
            yield first + line
            first = "    "

    def more(self, rows: Sequence[object]) -> Iterator[str]:
        """How many are not shown."""
        if len(rows) > SHOWN:
            yield self.style("dim", f"  and {len(rows) - SHOWN} more; --format json has them all")

    def closing(self) -> Iterator[str]:
        """What was compared, and the verdict on each environment."""
        report = self.diff.report
        failures = ((each.environment, each.message) for each in report.failures)
        for message, names in shared_failures(failures).items():
            yield self.style("red", f"not judged: {plain(enumerated(names))}")
            for line in message.splitlines():
                yield from self.indented(line)
        for note in report.notes:
            yield from wrap(f"note: {plain(note)}", min(self.width, WIDEST))
        if report.failures or report.notes:
            yield ""
        yield self.style("dim", plain(f"{self.diff.base} -> {self.diff.head}"))
        verdicts: dict[tuple[str, Severity | None], list[str]] = {}
        for each in self.diff.environments:
            judged = (describe.verdict(each.effect), describe.gravity(each.effect))
            verdicts.setdefault(judged, []).append(each.environment)
        for (verdict, gravity), alike in verdicts.items():
            sentence = plain(f"{enumerated(alike)}: {verdict}.")
            for line in wrap(sentence, min(self.width, WIDEST)):
                yield self.style("bold", self.style(VERDICT_STYLES[gravity], line))


def _deciders(first: PortChange) -> str:
    before, after = describe.decider(first.before), describe.decider(first.after)
    return after if before == after else f"{before} -> {after}"
