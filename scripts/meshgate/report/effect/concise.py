"""The effect of a change with one line a change, then one a finding, and the verdicts."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import describe
from meshgate.report import Options, concise
from meshgate.report.effect.compared import Diff
from meshgate.report.escape.terminal import page, plain
from meshgate.report.shared_findings import enumerated, shared_findings
from meshgate.report.style import TONES, Style


def render(diff: Diff, options: Options) -> str:
    """`environments: what changes`, each line once for all environments in which it is true."""
    return page(_lines(diff, Style(color=options.color)))


def _lines(diff: Diff, style: Style) -> Iterator[str]:
    changes: dict[describe.Sentence, list[str]] = {}
    verdicts: dict[str, list[str]] = {}
    for each in diff.environments:
        for sentence in describe.sentences(each.effect):
            changes.setdefault(sentence, []).append(each.environment)
        verdicts.setdefault(describe.verdict(each.effect), []).append(each.environment)
    for sentence, names in changes.items():
        yield f"{plain(enumerated(names))}: {style(TONES[sentence.tone], plain(sentence.text))}"
    for shared in shared_findings(diff.report.open):
        yield concise.line(shared, style)
    yield from concise.failures(diff.report, style)
    for verdict, names in verdicts.items():
        yield style("bold", plain(f"{enumerated(names)}: {verdict}."))
