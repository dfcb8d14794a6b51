"""All that decides what is said of an environment, in one table, as the key of a kept verdict.

A verdict is believed where each of these is what it was. What is not in the table must not decide:
files are read by walking the sources as a build does, so that a name that appears counts as well.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from meshgate import source
from meshgate.errors import BuildError, MeshgateError
from meshgate.model import Environment
from meshgate.pipeline.judged import Settings
from meshgate.pipeline.tool import fingerprint
from meshgate.source.cache import digest

# Part of every key: raise it when what is kept changes.
FORMAT = "1"
EMBEDDED = "jsonschema"


class KeyPlace(Struct, frozen=True):
    """Where environments are judged, and how."""

    root: Path
    cache: Path | None
    settings: Settings


class UnknownInputError(Exception):
    """Something that decides cannot be read: there is no key, and nothing is kept."""


def _environment(environment: Environment, _: KeyPlace) -> str:
    """Everything of environments.yaml, waivers, baseline, expectations; with the lines of each."""
    return json.dumps(msgspec.to_builtins(environment), sort_keys=True, default=str)


def _sources(environment: Environment, place: KeyPlace) -> str:
    try:
        contents = source.contents_digest(place.root, environment.sources, place.cache)
    except MeshgateError as error:
        raise UnknownInputError from error
    if contents is None:
        raise UnknownInputError
    return contents


def _inventory(environment: Environment, place: KeyPlace) -> str:
    parts: list[str | bytes] = []
    folder = f"inventory/{environment.name}"
    try:
        for name in source.files_of_folder(place.root, folder):
            parts += (name, source.read_bytes(place.root, name, Path(folder)))
    except BuildError as error:
        raise UnknownInputError from error
    return digest(*parts)


def _day(environment: Environment, place: KeyPlace) -> str:
    """The day, where something ends on a day."""
    dated = environment.waivers or environment.differences or environment.acknowledgements
    return place.settings.today.isoformat() if dated else ""


def _schemas(_: Environment, place: KeyPlace) -> str:
    """Which engine decides; the schemas themselves are in the fingerprint of the tool."""
    engine = place.settings.engine
    program = None if engine == EMBEDDED else shutil.which("kubeconform")
    state = os.stat(program) if program else None  # noqa: PTH116 - a name that `which` gives
    return f"{engine} {program} {state and (state.st_size, state.st_mtime_ns)}"


def _settings(_: Environment, place: KeyPlace) -> str:
    return str(place.settings.complete)


def _tool(_: Environment, __: KeyPlace) -> str:
    return fingerprint()


# What decides in an environment by itself: beside it count only those it is compared with.
INPUTS: dict[str, Callable[[Environment, KeyPlace], str]] = {
    "tool": _tool,
    "schemas": _schemas,
    "settings": _settings,
    "day": _day,
    "environment": _environment,
    "sources": _sources,
    "inventory": _inventory,
}


def common_inputs(place: KeyPlace) -> tuple[str, ...]:
    """What decides in all environments alike: this meshgate, the engine, the settings."""
    nobody = Environment(name="")
    return tuple(of(nobody, place) for of in (_tool, _schemas, _settings))


def dated_inputs(environment: Environment, place: KeyPlace) -> tuple[str, ...]:
    """What decides in an environment on some days only."""
    return (_day(environment, place),)


def own_key(environment: Environment, place: KeyPlace) -> str | None:
    """A digest of what decides in an environment by itself; None where that cannot be told."""
    try:
        parts = [part for name, of in INPUTS.items() for part in (name, of(environment, place))]
    except UnknownInputError:
        return None
    return digest(FORMAT, *parts)


def verdict_key(
    own: str | None,
    upstream: Iterable[tuple[str, str | None]],
    siblings: Iterable[tuple[str, str | None]],
    asked: Sequence[str],
) -> str | None:
    """The key of a verdict: with the own keys of those it is compared with, by name.

    `asked`: what the verdict says beside whether the environment can be judged.
    """
    parts = [FORMAT, own]
    for title, others in (("upstream", upstream), ("siblings", siblings)):
        parts.append(title)
        for name, key in others:
            parts += (name, key)
    parts += ("asked", *asked)
    known = [part for part in parts if part is not None]
    return digest(*known) if len(known) == len(parts) else None
