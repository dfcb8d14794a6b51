"""What a rule is, and what it yields."""

from __future__ import annotations

import enum
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from meshgate.model import Position, Resource, Severity
from meshgate.rules.context import Context


class RelatedResource(NamedTuple):
    """A second object a violation is about, with the path that matters in it."""

    resource: Resource
    message: str
    path: str = ""


class SharedCause(Struct, frozen=True):
    """What violations of one rule have in common that one cause is behind.

    cause    equal for what is reported as one finding; it is part of the fingerprint
    name     what this violation is about, in the list of all
    several  the message, given the names of all; a single violation keeps its own
    fix      of several; empty: that of the first
    """

    cause: str
    name: str
    several: Callable[[Sequence[str]], str]
    fix: str = ""


class Violation(Struct, frozen=True):
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
    # None: reported by itself, whatever else the rule finds.
    group: SharedCause | None = None
    # The server port (`namespace/workload:port`) or host that it is about, and those whose trouble
    # ends when this one is mended: see `causes`.
    about: str = ""
    explains: frozenset[str] = frozenset()
    # Whether it is so because no object says otherwise.
    by_default: bool = False


class Phase(enum.Enum):
    """When a rule is asked."""

    # On the files as they stand, before anything is built; an error keeps them from being built.
    SOURCE = "source"
    # On an environment as it is rendered.
    STATE = "state"
    # On what a change makes of the environment's ports and calls.
    CHANGE = "change"
    # On the findings of all others, and the waivers that cover them.
    WAIVER = "waiver"


class Needs(enum.StrEnum):
    """What a rule is judged from, beyond which it asks nothing. The values are those of JSON."""

    POLICIES = "P"
    # What `environments.yaml` declares of the mesh.
    FACTS = "F"
    # The Services and workloads of the cluster, and the mesh model on them.
    INVENTORY = "R"
    # How the overlay was built, and the files it was built from.
    BUILD = "B"
    # Two revisions of the environment, and what lies between them.
    EFFECT = "D"


class Rule(Struct, frozen=True):
    """One pattern that must not stand. The module's docstring is its page in `docs/rules/`."""

    id: str
    name: str  # the bad pattern; reads well after "allow"
    severity: Severity
    summary: str  # one line for tables
    fix: str
    needs: Needs
    # The kinds `check` reads from the context.
    kinds: frozenset[str]
    check: Callable[[Context], Iterator[Violation]]
    phase: Phase = Phase.STATE
    # What it can do without, and tells more with.
    sharper_with: Needs | None = None
    waivable: bool = True

    @property
    def documentation(self) -> str:
        """The rule's own page: its module's docstring."""
        return inspect.cleandoc(sys.modules[self.check.__module__].__doc__ or "")
