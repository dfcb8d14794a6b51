"""After a merge: what was merged, and what was tagged, a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.promotion.merge import MergeResult
from meshgate.promotion.record import CreatedTag
from meshgate.report import Options
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import page, plain
from meshgate.report.formats import Formats

VERSION = 1


def merged_text(merges: Sequence[MergeResult], _options: Options) -> str:
    """One line for each, and what comes next."""
    return page(line for merge in merges for line in _merged_lines(merge))


def merged_json(merges: Sequence[MergeResult], _options: Options) -> str:
    """`{"version", "merged": [...]}` (schemas/meshgate/merged.schema.json)."""
    merged = [
        {
            "number": merge.pull.number,
            "url": merge.pull.url,
            "title": merge.pull.title,
            "head": merge.pull.head_sha,
            "commit": merge.merged.commit,
            "already": merge.merged.already,
        }
        for merge in merges
    ]
    return document(version=VERSION, merged=Rows(merged))


MERGED_FORMATS: Formats[MergeResult] = {
    "text": merged_text,
    "json": merged_json,
}


def _merged_lines(merge: MergeResult) -> Iterator[str]:
    how = "was merged already" if merge.merged.already else "is merged"
    yield f"{plain(merge.pull.url)} {how}: {merge.merged.commit[:12]}, {plain(merge.pull.title)}"
    if merge.record is not None:
        yield "`meshgate record` tags it once the base has it."


def tags_text(created: Sequence[CreatedTag], _options: Options) -> str:
    """One line for each tag that this run made."""
    lines = [f"{plain(tag.name)} is on {tag.commit[:12]}" for tag in created]
    return page(lines or ["every record has its tag already"])


def tags_json(created: Sequence[CreatedTag], _options: Options) -> str:
    """`{"version", "tags": [...]}` (schemas/meshgate/tags.schema.json)."""
    tags = [tag._asdict() for tag in created]
    return document(version=VERSION, tags=Rows(tags))


TAGS_FORMATS: Formats[CreatedTag] = {
    "text": tags_text,
    "json": tags_json,
}
