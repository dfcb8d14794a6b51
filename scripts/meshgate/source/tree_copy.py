"""The files of a tree in another folder, with remote bases named by the copies they are built from.

kustomize would fetch what a kustomization names by an address; the judged folder is never written
to. So it is given these files instead.
"""

from __future__ import annotations

import json
import os
import posixpath
from pathlib import Path

from meshgate.model import JSON
from meshgate.source.kustomization import Kustomization
from meshgate.source.tree import Tree

# The fields whose entries may be built from a copy.
FIELDS = ("resources", "bases", "components")


def copy_tree(tree: Tree, folder: Path) -> Path:
    """Write a tree's files below a new folder, with links to folders as they are; the folder.

    Raises BuildError for a file that cannot be read.
    """
    for name in tree.files:
        _write(folder / name, tree.content(name))
    for kustomization in tree.kustomizations.values():
        if any(of == kustomization.folder for of, _ in tree.vendored):
            value = {
                key: _local(tree, kustomization, inner) if key in FIELDS else inner
                for key, inner in kustomization.value.items()
            }
            _write(folder / kustomization.file, json.dumps(value).encode())
    for name, real in tree.folder_links():
        link = folder / name
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(folder / real, link.parent))
    return folder


def _local(tree: Tree, kustomization: Kustomization, entries: JSON) -> JSON:
    if not isinstance(entries, list):
        return entries
    own = kustomization.folder
    return [
        posixpath.relpath(tree.vendored[own, each], own)
        if isinstance(each, str) and (own, each) in tree.vendored
        else each
        for each in entries
    ]


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
