"""Guards: what refuses a promotion. GUARDS is all of them; a new one is a module and a line here.

Each is a pure function over a `Candidate`. What it needs and does not have is a refusal, and so is
a guard that raises.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import FileChange
from meshgate.promotion.guards.approvals import APPROVALS
from meshgate.promotion.guards.backport import BACKPORT
from meshgate.promotion.guards.chain import FOLLOWS, RECORDED
from meshgate.promotion.guards.deletions import DELETIONS
from meshgate.promotion.guards.effects import BREAKS, STEPS, WEAKENS
from meshgate.promotion.guards.guard import Guard, MissingError, Refusal
from meshgate.promotion.guards.lint import LINT
from meshgate.promotion.guards.order import FORWARD_ONLY, PASSED
from meshgate.promotion.guards.origin import BASE, IN_DATE, SIGNED
from meshgate.promotion.guards.reproducible import REPRODUCIBLE
from meshgate.promotion.guards.scope import SCOPE, STRAY, strays
from meshgate.promotion.guards.stopped import STOPPED
from meshgate.promotion.guards.unseen import UNSEEN
from meshgate.promotion.guards.waiting import OPEN, PROVEN, SOAKED

__all__ = ["BY_FILES", "BY_ID", "GUARDS", "Guard", "Refusal", "refusals", "stray_changes"]

GUARDS: tuple[Guard, ...] = (
    SCOPE,
    STRAY,
    REPRODUCIBLE,
    FOLLOWS,
    RECORDED,
    PASSED,
    FORWARD_ONLY,
    SOAKED,
    PROVEN,
    OPEN,
    STOPPED,
    LINT,
    BREAKS,
    STEPS,
    WEAKENS,
    DELETIONS,
    BACKPORT,
    UNSEEN,
    APPROVALS,
    BASE,
    IN_DATE,
    SIGNED,
)
BY_ID = {guard.id: guard for guard in GUARDS}
# What files alone decide, whenever it is asked: the check of a pull request without a forge.
BY_FILES = frozenset(guard.id for guard in GUARDS if guard.by_files)


def refusals(candidate: Candidate, only: Iterable[str] | None = None) -> list[Refusal]:
    """What every guard says against a candidate, in their order; empty: it may pass.

    `only` are the ids of the guards to ask; all of them by default.
    """
    asked = None if only is None else frozenset(only)
    return [
        refusal
        for guard in GUARDS
        if asked is None or guard.id in asked
        if candidate.event in guard.events
        for refusal in ask(guard, candidate)
    ]


def ask(guard: Guard, candidate: Candidate) -> list[Refusal]:
    """What one guard says. What it needs and does not have, and its own failure, are refusals."""
    try:
        return [guard.refusal(objection) for objection in guard.check(candidate)]
    except MissingError as error:
        hint = "what is not known is never passed"
        message = f"not known: {error}"
        details = candidate.reasons
        return [Refusal(guard.id, guard.name, message, hint, details=details, unknown=True)]
    except Exception as error:  # noqa: BLE001 - a guard that fails refuses
        message = f"the guard failed: {type(error).__name__}: {error}"
        hint = "a fault of meshgate; please report it"
        return [Refusal(guard.id, guard.name, message, hint, broken=True)]


def stray_changes(changed: Iterable[FileChange]) -> list[Refusal]:
    """What STRAY says of a pull request that is no promotion."""
    return [STRAY.refusal(objection) for objection in strays(changed)]
