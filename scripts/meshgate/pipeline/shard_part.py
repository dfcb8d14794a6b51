"""What a shard hands on: the verdicts it gave, and what is needed to put shards together again.

A part says of which whole it is. Parts are merged only where they are of one whole and none is
missing: an environment that no shard has judged would otherwise pass in silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from meshgate.errors import BuildError, MeshgateError, UsageError
from meshgate.model import JSON, JSONObject, Position
from meshgate.pipeline.outcome import RunOutcome
from meshgate.pipeline.reports import Excerpts
from meshgate.pipeline.shards import Shard
from meshgate.pipeline.verdict import EnvironmentRefusal, EnvironmentVerdict, from_json, to_json
from meshgate.yamldoc.files import read_file

FORMAT = 1


class WholeRun(Struct, frozen=True):
    """What every part of one run says alike.

    command    that was run: `validate`, whose parts are reports, or `report`, whose are pages
    version    of meshgate
    commit     that is checked out; empty where git is not asked
    today      by which dates were judged
    run        every environment of the whole run, those before the wanted ones included
    wanted     those that were asked for, in their order
    shares     the wanted ones by shard
    fail_on    the level that fails the whole, where nobody says another
    undecided  whether undecided calls were counted
    rule_link  where rule pages are
    """

    command: str
    version: str
    commit: str
    today: str
    run: tuple[str, ...]
    wanted: tuple[str, ...]
    shares: tuple[tuple[str, ...], ...]
    fail_on: str
    undecided: bool
    rule_link: str
    note: str = ""


class ShardPart(Struct, frozen=True):
    """One shard's verdicts; `verdicts` and `of_nobody` as `verdict.to_json` writes them."""

    format: int
    number: int
    whole: WholeRun
    verdicts: tuple[JSON, ...]
    of_nobody: JSON
    refused: dict[str, EnvironmentRefusal]
    excerpts: tuple[tuple[str, int, int, str], ...]
    # What a page has beside its report, as `report.html.portion` makes it.
    page: JSON = None


class CitedLines(Struct, frozen=True):
    """The lines that findings of parts show."""

    lines: Mapping[Position, str]

    def excerpt(self, position: Position) -> str:
        return self.lines.get(position, "")


def part_text(
    shard: Shard, whole: WholeRun, outcome: RunOutcome, excerpts: Excerpts, page: JSON = None
) -> str:
    """The file of a part."""
    findings = [
        *(finding for each in outcome.verdicts.values() for finding in each.findings),
        *outcome.of_nobody,
    ]
    shown = {finding.source for finding in findings if finding.source}
    shown |= {other.source for each in findings for other in each.related if other.source}
    value: JSONObject = {
        "format": FORMAT,
        "number": shard.number,
        "whole": msgspec.to_builtins(whole),
        "verdicts": [to_json(each) for each in outcome.verdicts.values()],
        "of_nobody": to_json(EnvironmentVerdict("", tuple(outcome.of_nobody))),
        "refused": {
            name: msgspec.to_builtins(EnvironmentRefusal.of(error))
            for name, error in outcome.refused.items()
        },
        "excerpts": [[*position, excerpts.excerpt(position)] for position in sorted(shown)],
        "page": page,
    }
    return json.dumps(value, separators=(",", ":")) + "\n"


def read_part(file: Path) -> ShardPart:
    """A part. Raises UsageError for what is none, or is of another format."""
    try:
        value: JSON = json.loads(read_file(file, str(file)))
        if isinstance(value, dict) and value.get("format") not in {None, FORMAT}:
            raise UsageError(
                f"{file} is of another version of meshgate",
                hint="judge and merge with the same version",
            )
        return msgspec.convert(value, ShardPart)
    except BuildError as error:
        raise UsageError(error.what, why=error.why, hint=error.hint) from error
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(
            f"{file} is no part of a run: {error}",
            hint="`meshgate validate --part FILE` writes parts",
        ) from error


class MergedParts(NamedTuple):
    """Parts put together."""

    whole: WholeRun
    outcome: RunOutcome
    lines: CitedLines
    pages: Sequence[JSON]


def merge(files: Sequence[Path], fail_on: str | None) -> MergedParts:
    """The run that parts are of. Raises UsageError where they are not the whole of one run."""
    parts = {file: read_part(file) for file in files}
    (first, part), *others = parts.items()
    whole = part.whole
    for file, other in others:
        if other.whole != whole:
            differing = [
                name for name in whole.__struct_fields__
                if getattr(whole, name) != getattr(other.whole, name)
            ]  # fmt: skip
            raise UsageError(
                f"{first} and {file} are not of one run: they differ in {', '.join(differing)}",
                why="Put together, they would say of one state what is true of another.",
                hint="judge every shard of one commit, with the same options and --times",
            )
    numbers = [each.number for each in parts.values()]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise UsageError(f"shard {twice[0]}/{len(whole.shares)} is given twice")
    if missing := sorted(set(range(1, len(whole.shares) + 1)) - set(numbers)):
        raise UsageError(
            f"shard {missing[0]}/{len(whole.shares)} is missing",
            why="What it was to judge would pass in silence.",
            hint="give the parts of all shards",
        )
    by_number = {each.number: each for each in parts.values()}
    return _whole(whole, by_number, fail_on)


def _whole(whole: WholeRun, parts: Mapping[int, ShardPart], fail_on: str | None) -> MergedParts:
    verdicts: dict[str, EnvironmentVerdict] = {}
    refused: dict[str, MeshgateError] = {}
    lines: dict[Position, str] = {}
    of_nobody = from_json(parts[1].of_nobody).findings
    for number, part in sorted(parts.items()):
        own = frozenset(whole.shares[number - 1])
        for verdict in map(_verdict, part.verdicts):
            # Those before the wanted ones are judged by several: what the own shard says counts.
            if verdict.environment in own or verdict.environment not in verdicts:
                verdicts[verdict.environment] = verdict
        refused |= {name: each.error() for name, each in part.refused.items()}
        lines |= {Position(file, line, column): text for file, line, column, text in part.excerpts}
    if lost := [name for name in whole.run if name not in verdicts]:
        raise UsageError(f"no part has a verdict on {lost[0]}")
    level = fail_on or whole.fail_on
    if level == "undecided" and not whole.undecided:
        raise UsageError(
            "the shards did not count what is undecided",
            hint="judge them with `--fail-on undecided`, or merge with another level",
        )
    outcome = RunOutcome(
        {name: verdicts[name] for name in whole.run},
        whole.wanted,
        level,
        of_nobody,
        {name: refused[name] for name in whole.wanted if name in refused},
        whole.note,
    )
    return MergedParts(
        whole, outcome, CitedLines(lines), [part.page for _, part in sorted(parts.items())]
    )


def _verdict(value: object) -> EnvironmentVerdict:
    try:
        return from_json(value)
    except msgspec.ValidationError as error:
        raise UsageError(f"a part holds what is no verdict: {error}") from error
