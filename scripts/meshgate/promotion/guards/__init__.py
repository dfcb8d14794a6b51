"""Guards: what refuses a promotion, one file each, in the order of their ids.

Each is a pure function over a `Candidate`. What it needs and does not have is a refusal, and so is
a guard that raises.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import FileChange
from meshgate.promotion.guards.guard import Guard, MissingError, Refusal
from meshgate.promotion.guards.pr02_written_by_hand import GUARD as WRITTEN_BY_HAND
from meshgate.promotion.guards.pr02_written_by_hand import strays

__all__ = ["BY_FILES", "BY_ID", "GUARDS", "Guard", "Refusal", "refusals", "stray_changes"]

# A guard's file is named for its id and its name: `pr12_findings`.
_GUARD_FILE = re.compile(r"pr\d{2}_\w+")


def _registered() -> tuple[Guard, ...]:
    """The guard of each file in this package that is named like one."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [
        importlib.import_module(f"{__name__}.{name}") for name in names if _GUARD_FILE.match(name)
    ]
    return tuple(module.GUARD for module in modules)


GUARDS: tuple[Guard, ...] = _registered()
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
    """What PR02 says of a pull request that is no promotion."""
    return [WRITTEN_BY_HAND.refusal(objection) for objection in strays(changed)]
