"""The pull request's page: what reviewers see of a promotion."""

from __future__ import annotations

from meshgate.promotion.body.page import render
from meshgate.promotion.body.proposal import Difference, Proposal, Refusal

__all__ = ["Difference", "Proposal", "Refusal", "render"]
