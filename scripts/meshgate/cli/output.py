"""Write a report in every format that was asked for, and failures where a person sees them."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from meshgate import __version__, report
from meshgate.cli.terminal import printable
from meshgate.errors import MeshgateError, UsageError
from meshgate.model import Report
from meshgate.rules import RULES

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def publish(result: Report, options: argparse.Namespace) -> None:
    """Render the report once for each `--format`. Raises UsageError for a file it cannot write."""
    for output in options.outputs:
        if output.format not in report.FORMATS:
            raise UsageError(
                f"--format {output.format}: `meshgate {options.command}` does not write it",
                hint=f"use one of {', '.join(report.FORMATS)}; `meshgate report` writes html",
            )
        look = style(options, to_file=output.file is not None)
        text = report.FORMATS[output.format](result, look)
        if output.file is None:
            sys.stdout.write(text)
        else:
            write(output.file, text)
        if output.format == "github" and (summary := os.environ.get(STEP_SUMMARY)):
            append(Path(summary), report.step_summary(result, look))


def style(options: argparse.Namespace, *, to_file: bool) -> report.Options:
    """How a report looks in a file, or where standard output goes."""
    return report.Options(
        color=options.color and not to_file,
        width=report.DEFAULT_WIDTH if to_file else shutil.get_terminal_size().columns,
        version=__version__,
        rules=RULES,
        verbose=options.verbose,
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


def tell_failures(failures: Mapping[str, MeshgateError]) -> None:
    """Say on standard error which environments could not be judged, and why."""
    for name, failure in failures.items():
        print(f"meshgate: {name} was not judged: {printable(str(failure))}", file=sys.stderr)
