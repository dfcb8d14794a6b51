"""The pull request's page: what reviewers see of a promotion."""

from __future__ import annotations

from meshgate.promotion.body.contents import Contents, Difference
from meshgate.promotion.body.page import render

__all__ = ["Contents", "Difference", "render"]
