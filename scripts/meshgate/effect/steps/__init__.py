"""Safe steps to an unsafe change: searched for, and each of them judged as a change of its own."""

from __future__ import annotations

from meshgate.effect.steps.planning import plan
from meshgate.effect.steps.values import Edit, NoPlan, NoPlanReason, Plan, Purpose, SafeStep

__all__ = ["Edit", "NoPlan", "NoPlanReason", "Plan", "Purpose", "SafeStep", "plan"]
