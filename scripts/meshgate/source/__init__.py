"""From files to resources: read, survey, render, and tell where each value was written.

- `read(data, file)`, `read_path(root, path)`: any manifests, as the API server reads them, with
  the defects that two readers would take differently. `read_folder(root, folder)`: an inventory.
- `listing(folder)`, `build_folders(…)`: what lies below any folder, its kustomizations built;
  `recognition`: what a file is that is no manifest.
- `kinds`: what an environment can be built from, one module each. An environment's sources are one
  text, `Environment.sources`; of a Kustomize overlay it is the folder.
- `survey(root, sources)`: what is wrong with sources before they are built;
  `survey_repository(root, every)`: manifests that none of the environments reaches.
- `render(root, sources, cache=)`, `render_all(…)`: resources with origins, and the record of how
  they came to be. `inputs(root, sources)`: every file that a build depends on; `reach(…)`: with
  the folders that belong to it;
  `contents_digest(…)`: of all that decides a build;
  `named_folders(sources)`: those that environments.yaml names.
- `Locator(root)`: called with a resource and a path, the line a person must edit; `excerpt`.
- `patched(root, overlay, wanted)`: an overlay's files that make it render to other objects.
- `dump(resources)`, `dump_value(value)`: YAML that every reader takes alike.

Nothing of what is judged is executed or fetched, and nothing is written to it.
"""

from __future__ import annotations

from meshgate.source.build import (
    Surveyed,
    contents_digest,
    inputs,
    named_folders,
    reach,
    render,
    render_all,
    survey,
)
from meshgate.source.flux import flux_values, has_flux_values, values_of
from meshgate.source.folders import FolderBuild, FolderLocator, build_folders
from meshgate.source.kinds.kind import Build
from meshgate.source.kustomization import FILE_NAMES as KUSTOMIZATION_NAMES
from meshgate.source.listing import listing
from meshgate.source.load import (
    CLUSTER_WIDE,
    Loaded,
    as_foreign,
    document,
    files_of_folder,
    read,
    read_bytes,
    read_folder,
    read_path,
    relative,
)
from meshgate.source.locate import Locator
from meshgate.source.program import Renderer, renderer, renderer_argv
from meshgate.source.step_overlay import StepOverlay, patched
from meshgate.source.unreached import survey_repository
from meshgate.yamldoc.writing import dump, dump_value

__all__ = [
    "CLUSTER_WIDE",
    "KUSTOMIZATION_NAMES",
    "Build",
    "FolderBuild",
    "FolderLocator",
    "Loaded",
    "Locator",
    "Renderer",
    "StepOverlay",
    "Surveyed",
    "as_foreign",
    "build_folders",
    "contents_digest",
    "document",
    "dump",
    "dump_value",
    "files_of_folder",
    "flux_values",
    "has_flux_values",
    "inputs",
    "listing",
    "named_folders",
    "patched",
    "reach",
    "read",
    "read_bytes",
    "read_folder",
    "read_path",
    "relative",
    "render",
    "render_all",
    "renderer",
    "renderer_argv",
    "survey",
    "survey_repository",
    "values_of",
]
