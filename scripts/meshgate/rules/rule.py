"""What a rule is, and what it yields."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from meshgate.model import Position, Resource, Severity
from meshgate.rules.context import Context


class RelatedResource(NamedTuple):
    """A second object a violation is about, with the path that matters in it."""

    resource: Resource
    message: str
    path: str = ""


class Violation(NamedTuple):
    """One place where a rule does not hold."""

    resource: Resource | None
    path: str
    message: str
    # Empty: the rule's own fix. A better one names objects and values.
    fix: str = ""
    related: tuple[RelatedResource, ...] = ()
    # False: what the rule needs is missing for this object; always a warning.
    decided: bool = True
    # None: the rule's own severity.
    severity: Severity | None = None
    # Where the place is known without a resource (a source file's defect).
    source: Position | None = None
    # Tells two violations of one path apart in the fingerprint.
    key: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern that must not stand. The module's docstring is its page in `docs/rules/`."""

    id: str
    name: str  # the bad pattern; reads well after "allow"
    severity: Severity
    summary: str  # one line for tables
    fix: str
    # What it needs: P policies, F mesh facts, R inventory, B build record, D two revisions.
    needs: str
    # The kinds `check` reads from the context.
    kinds: frozenset[str]
    check: Callable[[Context], Iterator[Violation]]
    waivable: bool = True

    @property
    def documentation(self) -> str:
        """The rule's own page: its module's docstring."""
        return inspect.cleandoc(sys.modules[self.check.__module__].__doc__ or "")
