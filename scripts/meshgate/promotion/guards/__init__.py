"""Guards: what refuses a promotion. GUARDS is all of them; a new one is a module and a line here.

Each is a pure function over a `Candidate`. What it needs and does not have is a refusal, and so is
a guard that raises.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshgate.promotion.candidate import Candidate, FileChange
from meshgate.promotion.guards.approvals import APPROVALS
from meshgate.promotion.guards.chain import FOLLOWS, RECORDED
from meshgate.promotion.guards.debt import DEBT
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
from meshgate.promotion.guards.waiting import OPEN, PROVEN, SOAKED, evaluate

__all__ = ["FILES_ONLY", "GUARDS", "Guard", "Refusal", "evaluate", "refusals", "stray_changes"]

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
    DEBT,
    UNSEEN,
    APPROVALS,
    BASE,
    IN_DATE,
    SIGNED,
)
# What files alone decide, whenever it is asked: the check of a pull request without a forge.
FILES_ONLY = frozenset(
    guard.id for guard in GUARDS if guard not in {SOAKED, PROVEN, OPEN, STOPPED, APPROVALS}
)


def refusals(candidate: Candidate, only: Iterable[str] | None = None) -> list[Refusal]:
    """What every guard says against a candidate, in their order; empty: it may pass.

    `only` are the ids of the guards to ask; all of them by default.
    """
    wanted = None if only is None else frozenset(only)
    return [
        refusal
        for guard in GUARDS
        if wanted is None or guard.id in wanted
        if candidate.event in guard.events
        for refusal in asked(guard, candidate)
    ]


def asked(guard: Guard, candidate: Candidate) -> list[Refusal]:
    """What one guard says. What it needs and does not have, and its own failure, are refusals."""
    try:
        return [
            Refusal(
                guard.id,
                guard.name,
                objection.message,
                objection.hint or guard.hint,
                objection.waits,
                objection.details,
            )
            for objection in guard.check(candidate)
        ]
    except MissingError as error:
        hint = "what is not known is never passed"
        message = f"not known: {error}"
        return [Refusal(guard.id, guard.name, message, hint, details=candidate.reasons)]
    except Exception as error:  # noqa: BLE001 - a guard that fails refuses
        message = f"the guard failed: {type(error).__name__}: {error}"
        hint = "a fault of meshgate; please report it"
        return [Refusal(guard.id, guard.name, message, hint, broken=True)]


def stray_changes(changed: Iterable[FileChange]) -> list[Refusal]:
    """PR02 for a pull request that is no promotion."""
    return [
        Refusal(STRAY.id, STRAY.name, objection.message, objection.hint or STRAY.hint)
        for objection in strays(changed)
    ]
