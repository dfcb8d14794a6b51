"""The answer to a question on tables: rows under the names of their columns."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from msgspec import Struct

from meshgate.model import JSON
from meshgate.report import Options, formats
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.markdown import prose, row
from meshgate.report.escape.terminal import page, plain
from meshgate.report.json import VERSION
from meshgate.report.style import Style
from meshgate.report.table import Cell, Column, table
from meshgate.wording import plural


class Answer(Struct, frozen=True):
    """Names of columns, and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def text(answers: Sequence[Answer], options: Options) -> str:
    """A table, and how many rows it has."""
    lines: list[str] = []
    for answer in answers:
        columns = [
            Column(plain(name), right=_is_number(answer, index), soft=True)
            for index, name in enumerate(answer.columns)
        ]
        cells = [[Cell(plain(_word(value))) for value in each] for each in answer.rows]
        if cells:
            lines += [*table(columns, cells, Style(color=options.color), options.width), ""]
        lines.append(f"{plural(len(answer.rows), 'row')}.")
    return page(lines)


def json(answers: Sequence[Answer], _options: Options) -> str:
    """`{"version", "columns", "rows"}`, one row a line."""
    (answer,) = answers
    rows = Rows([_json(value) for value in each] for each in answer.rows)
    return document(version=VERSION, columns=list(answer.columns), rows=rows)


def markdown(answers: Sequence[Answer], _options: Options) -> str:
    """A table."""
    lines = []
    for answer in answers:
        lines += [row(map(prose, answer.columns)), row(["---"] * len(answer.columns))]
        lines += [row(prose(_word(value)) for value in each) for each in answer.rows]
    return "\n".join(lines) + "\n"


FORMATS = formats.of(text, json, markdown)


def _is_number(answer: Answer, index: int) -> bool:
    return all(
        isinstance(each[index], int | float) and not isinstance(each[index], bool)
        for each in answer.rows
    )


def _word(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.timedelta):
        return str(value.days)
    return str(value)


def _json(value: object) -> JSON:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    return _word(value)
