"""What the reports on a mesh look at, and the words they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from meshgate.mesh import Mesh, Mode
from meshgate.model import Position, Resource

# How a mode is coloured: what a port lets in beside mesh mTLS.
MODE_STYLES = {Mode.STRICT: "green", Mode.PERMISSIVE: "yellow", Mode.DISABLE: "red"}


class View(NamedTuple):
    """The mesh of one environment (None: of loose manifests), and where its objects are written."""

    environment: str | None
    mesh: Mesh
    locate: Callable[[Resource, str], Position | None]
    # `require.authorization` of the environment.
    authorization: str = "none"
