"""The files and folders that environments.yaml names, read without a look at the disk."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

import msgspec

from meshgate.config.defaults import DEFAULTS, ENVIRONMENTS, MergedDocument
from meshgate.config.references import KUSTOMIZATIONS
from meshgate.errors import BuildError
from meshgate.model import JSONObject
from meshgate.model.sources import SOURCE_KEYS, SUBSTITUTE, ManifestSources
from meshgate.yamldoc import document


def stated_sources(content: bytes, file: str) -> tuple[ManifestSources, ...]:
    """The sources of each environment that has some; none of a file that cannot be read."""
    made = []
    for entry in _entries(content, file):
        given = {key: entry[key] for key in SOURCE_KEYS if key in entry}
        try:
            if given and SUBSTITUTE in entry:
                given[SUBSTITUTE] = entry[SUBSTITUTE]
            if given:
                made.append(msgspec.convert(given, ManifestSources))
        except msgspec.ValidationError:
            continue  # refused where the file is loaded
    return tuple(made)


def named_paths(content: bytes, file: str) -> tuple[str, ...]:
    """Every path that has to be there for the file to be loaded, relative to it."""
    paths: dict[str, None] = {}
    for stated in stated_sources(content, file):
        for path in map(posixpath.normpath, stated.named_paths):
            # Of the whole repository no more than what makes it an overlay.
            paths |= dict.fromkeys((*KUSTOMIZATIONS, "Chart.yaml") if path == "." else (path,))
        if isinstance(stated.substitute, str):
            paths[posixpath.normpath(stated.substitute)] = None
    return tuple(paths)


def _entries(content: bytes, file: str) -> Iterator[JSONObject]:
    """The entries with their defaults, as far as the file has the right shape."""
    try:
        written = document.parse(content, file)
    except BuildError:
        return
    value = written.value
    entries = value.get(ENVIRONMENTS) if isinstance(value, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        return
    if isinstance(value.get(DEFAULTS, {}), dict):
        entries = MergedDocument(written).value[ENVIRONMENTS]
    yield from entries
