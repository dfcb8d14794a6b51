"""From files to resources: read, survey, render, and tell where each value was written.

- `read(data, file)`, `read_path(root, path)`: any manifests, as the API server reads them, with
  the defects that two readers would take differently. `read_folder(root, folder)`: an inventory.
- `survey(root, overlay)`: what is wrong with an overlay's sources before kustomize runs;
  `survey_repository(root, overlays)`: manifests that none of the overlays reaches.
- `render(root, overlay, cache=)`, `render_all(…)`: resources with origins, and the record of how
  they came to be. `inputs(root, overlay)`: every file that a build depends on.
- `Locator(root)`: called with a resource and a path, the line a person must edit; `excerpt`.
- `patched(root, overlay, wanted)`: an overlay's files that make it render to other objects.
- `dump(resources)`, `dump_value(value)`: YAML that every reader takes alike.

Nothing of what is judged is executed or fetched, and nothing is written to it. Everything is
imported on first use, so that a command pays only for what it needs.
"""

from __future__ import annotations

import importlib

from meshgate.source.build import Build, render, render_all
from meshgate.source.holdback import Overlay, patched
from meshgate.source.load import (
    CLUSTER_WIDE,
    Loaded,
    as_foreign,
    read,
    read_folder,
    read_path,
)
from meshgate.source.locate import Locator
from meshgate.source.program import Renderer, renderer, renderer_argv
from meshgate.source.scan import survey, survey_repository
from meshgate.source.tree import inputs
from meshgate.source.writing import dump, dump_value

__all__ = [
    "CLUSTER_WIDE",
    "Build",
    "Loaded",
    "Locator",
    "Overlay",
    "Renderer",
    "as_foreign",
    "dump",
    "dump_value",
    "inputs",
    "patched",
    "read",
    "read_folder",
    "read_path",
    "render",
    "render_all",
    "renderer",
    "renderer_argv",
    "survey",
    "survey_repository",
]

# No module has the name of something that is exported: once imported, it would hide that.
HOMES = {
    "build": ("Build", "render", "render_all"),
    "holdback": ("Overlay", "patched"),
    "load": ("CLUSTER_WIDE", "Loaded", "as_foreign", "read", "read_folder", "read_path"),
    "locate": ("Locator",),
    "program": ("Renderer", "renderer", "renderer_argv"),
    "scan": ("survey", "survey_repository"),
    "tree": ("inputs",),
    "writing": ("dump", "dump_value"),
}
_HOME = {name: module for module, names in HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
