"""Write what was found in every format that was asked for."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from meshgate import __version__, report
from meshgate.errors import UsageError
from meshgate.model import Report
from meshgate.report import formats
from meshgate.report.formats import Formats
from meshgate.rules import RULES

T = TypeVar("T")
# As Formats, of what comes piece by piece.
Streams: TypeAlias = dict[str, Callable[[Sequence[T], report.Options], Iterable[str]]]

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
    streams: Streams[T] | None = None,
) -> None:
    """Write the values in each format that was asked for. Raises UsageError for another one.

    `elsewhere`: what the hint adds about a format that another command writes. `streams`: formats
    that are written piece by piece, since the whole may not fit into memory.
    """
    # Inside Actions annotations are asked for by default; most commands have none.
    outputs = [o for o in options.outputs if o.format in renderers or o.format != ANNOTATIONS]
    for output in outputs or options.outputs:
        if output.format not in renderers:
            raise UsageError(
                f"--format {output.format}: `meshgate {options.command}` does not write it",
                hint=f"use one of {', '.join(renderers)}{elsewhere}",
            )
        look = style(options, to_file=output.file is not None)
        if streams and output.format in streams:
            stream(output.file, streams[output.format](values, look))
            continue
        text = renderers[output.format](values, look)
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
        follow_ups=vars(options).get("show_follow_ups", False),
        rule_link=vars(options).get("rule_link", ""),
    )


def write(file: Path, text: str) -> None:
    """Write a whole file. Raises UsageError; then no half of a new one is left."""
    stream(file, (text,))


def write_page(file: Path | None, text: str) -> None:
    """Write a page to a file, and say so; or to standard output. Raises UsageError."""
    if file is None:
        sys.stdout.write(text)
        return
    write(file, text)
    print(f"meshgate: {file}: {len(text) / 1e6:.1f} MB, open it in a browser", file=sys.stderr)


def stream(file: Path | None, pieces: Iterable[str]) -> None:
    """Write what comes piece by piece to a file, or to standard output.

    Raises UsageError; then no half of a new file is left.
    """
    if file is None:
        sys.stdout.writelines(pieces)
        return
    was_there = file.exists()
    try:
        with file.open("w", encoding="utf-8") as opened:
            opened.writelines(pieces)
    except OSError as error:
        if not was_there:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise UsageError(f"cannot write {file}: {error.strerror}") from error


def append(file: Path, text: str) -> None:
    """Add to a file. Raises UsageError."""
    try:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
