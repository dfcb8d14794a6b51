"""What brings merged policies into the lab's cluster: one module for each tool."""

from __future__ import annotations

from e2e.syncers.argocd import ArgoCD
from e2e.syncers.flux import Flux
from e2e.syncers.syncer import Syncer

__all__ = ["SYNCERS", "Syncer"]

SYNCERS: dict[str, type[Syncer]] = {"flux": Flux, "argocd": ArgoCD}
