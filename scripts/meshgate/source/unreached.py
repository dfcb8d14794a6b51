"""Manifests that no environment brings in, in the folders that environments are built from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meshgate.model import Defect
from meshgate.source.kinds import opened
from meshgate.source.scan import UnreachedKustomizations, holds_manifest, manifest_names, orphan


def survey_repository(root: Path, sources: Iterable[str]) -> list[Defect]:
    """Manifests that no kustomization reaches, of an environment or of anything else.

    `sources`: of each environment. Looked at are the folders of the repository that kustomizations
    of the environments lie in. Those beside a kustomization that some environment reaches are left
    to its `survey`.
    """
    reached: set[str] = set()
    surveyed: set[str] = set()
    folders: dict[str, None] = {}
    for source in (each for text in sources for each in opened(root, text)):
        at = source.reached()
        reached.update(at.files)
        surveyed.update(source.unreached())
        for folder in at.surroundings:
            folders.setdefault(folder.partition("/")[0])
    others = UnreachedKustomizations(root)
    return [
        orphan(name)
        for folder in folders
        if folder not in {".", ""}
        for name in manifest_names(root, folder, into_kustomizations=True)
        if name not in reached
        and name not in surveyed
        and holds_manifest(root, name)
        and not others.reach(name)
    ]
