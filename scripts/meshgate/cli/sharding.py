"""Options of commands whose run may be one of several shards, and what these say alike."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from meshgate import __version__
from meshgate.config import Configuration
from meshgate.model import Environment
from meshgate.pipeline import with_upstream
from meshgate.pipeline.commit import commit_of
from meshgate.pipeline.reports import NEVER, UNDECIDED, fail_on_floor
from meshgate.pipeline.shard_part import WholeRun
from meshgate.pipeline.shards import Shard, parsed, read_times, shares
from meshgate.pipeline.verdicts import clusters_of


class Sharded(Struct, frozen=True):
    """The share of a run.

    own      the wanted environments of this shard, in their order
    beside   those that are judged with them, since they share clusters
    whole    what every shard of the run says
    is_first whether it is this shard that tells what is of no environment
    """

    shard: Shard
    whole: WholeRun
    own: list[Environment]
    beside: list[Environment]

    @property
    def is_first(self) -> bool:
        return self.shard.number == 1


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--shard",
        metavar="K/N",
        help="only the environments of one of N shards, which N machines tell alike",
    )
    parser.add_argument(
        "--times",
        metavar="FILE",
        type=Path,
        help="balance shards by the seconds that `merge-reports --times` wrote",
    )
    parser.add_argument(
        "--part",
        metavar="FILE",
        type=Path,
        help="write what `meshgate merge-reports` puts together again",
    )


def sharded(
    options: argparse.Namespace,
    configuration: Configuration,
    wanted: Sequence[Environment],
    *,
    note: str = "",
) -> Sharded:
    """The share of this run, all of it without `--shard`. Raises UsageError."""
    shard = parsed(options.shard) if options.shard else Shard(1, 1)
    floor = fail_on_floor(wanted)
    times = read_times(options.times) if options.times else {}
    run = with_upstream(wanted, configuration.environments)
    parts = shares(wanted, shard.count, times)
    whole = WholeRun(
        command=options.command,
        version=__version__,
        commit=commit_of(options.directory) if options.part else "",
        today=options.today.isoformat(),
        run=tuple(each.name for each in run),
        wanted=tuple(each.name for each in wanted),
        shares=tuple(tuple(sorted(share)) for share in parts),
        # A shard that is told never to fail says nothing of the whole.
        fail_on=floor if options.fail_on in {None, NEVER} else options.fail_on,
        undecided=UNDECIDED in {floor, options.fail_on},
        rule_link=configuration.links.rules,
        note=note,
    )
    names = parts[shard.number - 1]
    own = [each for each in wanted if each.name in names]
    clusters = {clusters_of(each) for each in own if clusters_of(each)}
    beside = [each for each in run if each.name not in names and clusters_of(each) in clusters]
    return Sharded(shard, whole, own, beside)
