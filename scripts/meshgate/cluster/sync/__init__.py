"""The objects that point clusters at this repository, for Argo CD and for Flux.

- `targets(root, configuration, environments)`: what each environment is synced from and may touch.
- `files(agent, targets, every)`: the generated files, by their path.
- `stale_files(repository, commit)`: the same of a commit that is judged.
- `stale(root, wanted)`, `write(root, wanted)`: compare with what is there, or write it.
"""

from __future__ import annotations

from meshgate.cluster.sync.committed import follows, stale_files
from meshgate.cluster.sync.files import AGENTS, files, leftovers, stale, write
from meshgate.cluster.sync.prune_protection import unprotected
from meshgate.cluster.sync.target import SyncTarget, targets

__all__ = [
    "AGENTS",
    "SyncTarget",
    "files",
    "follows",
    "leftovers",
    "stale",
    "stale_files",
    "targets",
    "unprotected",
    "write",
]
