"""What was tagged: a line for each tag."""

from __future__ import annotations

import json as standard
from collections.abc import Callable, Sequence

from meshgate.promotion.flows.recording import Tagged
from meshgate.report import Options
from meshgate.report.escape.terminal import page, plain

VERSION = 1


def text(found: Sequence[Tagged], _options: Options) -> str:
    """One line for each tag that this run made."""
    lines = [f"{plain(one.name)} is on {one.commit[:12]}" for one in found]
    return page(lines or ["every record has its tag already"])


def json(found: Sequence[Tagged], _options: Options) -> str:
    """`{"version", "tags": [...]}` (schemas/meshgate/tags.schema.json)."""
    tags = [one._asdict() for one in found]
    return standard.dumps({"version": VERSION, "tags": tags}, indent=1, sort_keys=True) + "\n"


FORMATS: dict[str, Callable[[Sequence[Tagged], Options], str]] = {"text": text, "json": json}
