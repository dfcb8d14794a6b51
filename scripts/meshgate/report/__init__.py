"""Render a report in every format that people and programs read."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshgate.model import Report
from meshgate.rules.rule import Rule

DEFAULT_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Options:
    """How a report is to look."""

    color: bool = False
    width: int = DEFAULT_WIDTH  # columns of the terminal
    version: str = ""
    # The catalogue, for formats that explain the rules.
    rules: tuple[Rule, ...] = ()
    # Whether waived findings are shown, not only counted.
    verbose: bool = False


Format: TypeAlias = Callable[[Report, Options], str]


def _format(name: str) -> Format:
    """The renderer in the module of that name, which is imported when it is first asked for."""

    def render(report: Report, options: Options) -> str:
        module = importlib.import_module(f"{__name__}.{name}")
        text: str = module.render(report, options)
        return text

    return render


FORMATS: dict[str, Format] = {
    name: _format(name)
    for name in (
        "text",
        "json",
        "sarif",
        "junit",
        "github",
        "gitlab",
        "markdown",
    )
}


def step_summary(report: Report, options: Options) -> str:
    """The Markdown page that GitHub Actions shows for a job's step."""
    from meshgate.report import budget, markdown  # noqa: PLC0415 - needed in that one place

    return markdown.render(report, options, limit=budget.STEP_SUMMARY)
