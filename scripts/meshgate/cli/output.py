"""Write what was found in every format that was asked for."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from meshgate import __version__, report
from meshgate.errors import UsageError
from meshgate.model import Report
from meshgate.report import formats
from meshgate.report.formats import Formats
from meshgate.rules import RULES

T = TypeVar("T")

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
# Added to every command inside GitHub Actions; it has no meaning for tables.
ANNOTATIONS = "github"


def publish_report(result: Report, options: argparse.Namespace) -> None:
    """Render the report once for each `--format`. Raises UsageError for a file it cannot write."""
    rendered = {name: formats.each(render) for name, render in report.FORMATS.items()}
    publish(rendered, [result], options, elsewhere="; `meshgate report` writes html")
    summary = os.environ.get(STEP_SUMMARY)
    for output in options.outputs:
        if output.format == ANNOTATIONS and summary:
            look = style(options, to_file=output.file is not None)
            append(Path(summary), report.step_summary(result, look))


def publish(
    renderers: Formats[T],
    values: Sequence[T],
    options: argparse.Namespace,
    *,
    elsewhere: str = "",
) -> None:
    """Write the values in each format that was asked for. Raises UsageError for another one.

    `elsewhere`: what the hint adds about a format that another command writes.
    """
    # Inside Actions annotations are asked for by default; most commands have none.
    outputs = [o for o in options.outputs if o.format in renderers or o.format != ANNOTATIONS]
    for output in outputs or options.outputs:
        if output.format not in renderers:
            raise UsageError(
                f"--format {output.format}: `meshgate {options.command}` does not write it",
                hint=f"use one of {', '.join(renderers)}{elsewhere}",
            )
        text = renderers[output.format](values, style(options, to_file=output.file is not None))
        if output.file is None:
            sys.stdout.write(text)
        else:
            write(output.file, text)


def style(options: argparse.Namespace, *, to_file: bool) -> report.Options:
    """How a report looks in a file, or where standard output goes."""
    return report.Options(
        color=options.color and not to_file,
        width=report.DEFAULT_WIDTH if to_file else shutil.get_terminal_size().columns,
        version=__version__,
        rules=RULES,
        verbose=options.verbose,
        rule_link=vars(options).get("rule_link", ""),
    )


def write(file: Path, text: str) -> None:
    """Write a whole file. Raises UsageError."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error


def append(file: Path, text: str) -> None:
    """Add to a file. Raises UsageError."""
    try:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
