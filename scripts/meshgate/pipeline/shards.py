"""Which environments are judged by which of several machines, told alike on each of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from meshgate.errors import UsageError
from meshgate.model import Environment
from meshgate.pipeline.verdicts import clusters_of

MOST_SHARDS = 10_000
# What the first shard does beside its environments, as a part of what all of them take: it looks
# for manifests that no environment reaches. 1,000 overlays take 13 s, and that 0.4 s.
OF_NOBODY = 0.033


class Shard(Struct, frozen=True):
    """One of `count` shards; the first has the number 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parsed(text: str) -> Shard:
    """The shard that a text such as `3/16` names. Raises UsageError."""
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal():
        shard = Shard(int(number), int(count))
        if 1 <= shard.number <= shard.count <= MOST_SHARDS:
            return shard
    raise UsageError(
        f"--shard {text}: this names no shard",
        hint="write the number of the shard and how many there are, such as 3/16",
    )


def read_times(file: Path) -> dict[str, float]:
    """The seconds that environments took, as `merge-reports --times` wrote them.

    Raises UsageError.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, float])
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{file} does not hold the seconds of environments: {error}",
            hint="`meshgate merge-reports --times FILE` writes it",
        ) from error


def times_text(seconds: Mapping[str, float]) -> str:
    """The file of times: in milliseconds, since more would change with each run."""
    rounded = {name: round(taken, 3) for name, taken in sorted(seconds.items())}
    return json.dumps(rounded, indent=0) + "\n"


def shares(
    environments: Sequence[Environment], count: int, times: Mapping[str, float]
) -> list[frozenset[str]]:
    """The names of each shard's environments.

    It follows from the arguments alone: the longest first, each to the shard that has the least so
    far. Environments that share clusters stay together. One without a time counts as the median.
    The first shard has less than the others, since it tells what is of no environment.
    """
    known = [times[each.name] for each in environments if each.name in times]
    usual = max(statistics.median(known), 0.001) if known else 1.0
    groups: dict[str, list[str]] = {}
    for each in environments:
        groups.setdefault(clusters_of(each) or f" {each.name}", []).append(each.name)
    weights = {
        tuple(names): sum(times.get(name, usual) for name in names) for names in groups.values()
    }
    loads = [OF_NOBODY * sum(weights.values()), *[0.0] * (count - 1)]
    found: list[set[str]] = [set() for _ in range(count)]
    for names in sorted(weights, key=lambda names: (-weights[names], names)):
        least = loads.index(min(loads))
        loads[least] += weights[names]
        found[least].update(names)
    return [frozenset(names) for names in found]
