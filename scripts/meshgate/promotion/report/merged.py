"""What was merged: a line for each pull request."""

from __future__ import annotations

import json as standard
from collections.abc import Callable, Iterator, Sequence

from meshgate.promotion.flows.merging import Merge
from meshgate.report import Options
from meshgate.report.escape.terminal import page, plain

VERSION = 1


def text(found: Sequence[Merge], _options: Options) -> str:
    """One line for each, and what comes next."""
    return page(line for one in found for line in _lines(one))


def json(found: Sequence[Merge], _options: Options) -> str:
    """`{"version", "merged": [...]}` (schemas/meshgate/merged.schema.json)."""
    merged = [
        {
            "number": one.pull.number,
            "url": one.pull.url,
            "title": one.pull.title,
            "head": one.pull.head_sha,
            "commit": one.merged.commit,
            "already": one.merged.already,
        }
        for one in found
    ]
    return standard.dumps({"version": VERSION, "merged": merged}, indent=1, sort_keys=True) + "\n"


FORMATS: dict[str, Callable[[Sequence[Merge], Options], str]] = {"text": text, "json": json}


def _lines(one: Merge) -> Iterator[str]:
    how = "was merged already" if one.merged.already else "is merged"
    yield f"{plain(one.pull.url)} {how}: {one.merged.commit[:12]}, {plain(one.pull.title)}"
    if one.record is not None:
        yield "`meshgate record` tags it once the base has it."
