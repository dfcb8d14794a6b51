"""The kinds of sources of an environment, one module each.

Each module has `sources(sources, root, below)`: what it builds of what environments.yaml says, and
`paths(sources)`: the folders or files that are named. A
new kind is a new module here, its key a field of `ManifestSources`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from meshgate.errors import BuildError
from meshgate.model.sources import ManifestSources, sources_of
from meshgate.source.kinds import helm, manifests, overlay
from meshgate.source.kinds.kind import ManifestSource
from meshgate.yamldoc.files import Root

KINDS = (overlay, manifests, helm)


def opened(root: Path, text: str, below: Root | None = None) -> list[ManifestSource]:
    """The sources that a text of `ManifestSources.sources` names, in their order.

    below  the folder as something else than files on disk: `root` is then not looked at
    """
    stated = _stated(text)
    return [source for kind in KINDS for source in kind.sources(stated, root, below)]


def named(text: str) -> list[str]:
    """The folders, or files, that such a text names, in their order; nothing is looked at."""
    stated = _stated(text)
    return [path for kind in KINDS for path in kind.paths(stated)]


def _stated(text: str) -> ManifestSources:
    try:
        return sources_of(text)
    except msgspec.MsgspecError as error:
        raise BuildError(f"{text!r} names no sources of manifests: {error}") from error
