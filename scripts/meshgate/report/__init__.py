"""Render a report in every format that people and programs read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshgate.report.formats import DEFAULT_WIDTH, Options, Renderer, module

# For types alone: see `formats`.
if TYPE_CHECKING:
    from meshgate.model import Report

__all__ = ["DEFAULT_WIDTH", "FORMATS", "Options", "step_summary"]

# The formats of findings, for every command that has some.
FORMATS: dict[str, Renderer[Report]] = {
    name: module(f"{__name__}.{name}")
    for name in ("text", "concise", "json", "sarif", "junit", "github", "gitlab", "markdown")
}


def step_summary(report: Report, options: Options) -> str:
    """The Markdown page that GitHub Actions shows for a job's step."""
    from meshgate.report import budget, markdown  # noqa: PLC0415 - needed in that one place

    return markdown.render(report, options, limit=budget.STEP_SUMMARY)
