"""The waves of one environment: which can have no cluster, and which clusters are in two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from meshgate.cluster.sync.target import SyncTarget
from meshgate.errors import UsageError
from meshgate.schema.object_meta import is_label_value, is_qualified

HINT = "correct `clusters` of that environment"


def refuse_waves(target: SyncTarget, own: str) -> None:
    """Raise UsageError for labels that are none, and for a wave that can have no cluster.

    `own` is the label of the Applications that waves cannot look for.
    """
    name = target.environment.name
    for labels in (target.selector, *target.waves):
        for key, value in labels.items():
            if not is_qualified(key.lower()) or not is_label_value(value) or key == own:
                raise UsageError(
                    f"environments.yaml: {name} looks for clusters with the label {key}: {value!r}",
                    why="No cluster has it: Kubernetes takes no such label."
                    if key != own
                    else "Its Applications have that label of meshgate's own.",
                    hint=HINT,
                )
    for number, wave in enumerate(target.waves, start=1):
        for key, value in wave.items():
            if target.selector.get(key, value) != value:
                raise UsageError(
                    f"environments.yaml: no cluster of {name} is in wave {number} of "
                    f"`clusters.waves`: it asks for {key}: {value}",
                    why=f"`clusters.selector` asks for {key}: {target.selector[key]}.",
                    hint=HINT,
                )
        for earlier, other in enumerate(target.waves[: number - 1], start=1):
            if other.items() <= wave.items():
                raise UsageError(
                    f"environments.yaml: no cluster of {name} is left for wave {number} of "
                    f"`clusters.waves`: wave {earlier} has each that it asks for",
                    why="A cluster is synced with the first wave that it is in.",
                    hint=f"{HINT}: the narrower wave comes first, or goes",
                )


def doubtful_waves(target: SyncTarget) -> Iterator[str]:
    """What a person should know of waves that hold, each in a sentence."""
    name = target.environment.name
    if len(target.waves) == 1:
        yield (
            f"{name}: one wave in `clusters.waves` is no order, and Argo CD does not undo drift in "
            "clusters that it syncs in waves"
        )
    for (first, one), (second, other) in itertools.combinations(enumerate(target.waves, 1), 2):
        if not _excludes(one, other):
            yield (
                f"{name}: a cluster with {_shown({**one, **other})} is in wave {first} and in wave "
                f"{second} of `clusters.waves`; it is synced with wave {first}"
            )


def _excludes(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return any(other.get(key, value) != value for key, value in one.items())


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in sorted(labels.items()))
