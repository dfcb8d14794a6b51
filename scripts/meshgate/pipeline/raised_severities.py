"""`severities` of an environment: each is of a rule that there is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshgate import config
from meshgate.errors import UsageError
from meshgate.model import Environment
from meshgate.rules import RULES
from meshgate.wording.nearest import hint
from meshgate.yamldoc.document import location


def refuse_unknown_rules(root: Path, environments: Sequence[Environment]) -> None:
    """Raise UsageError where a rule is raised that there is not: nothing would ever be.

    `environments`: all of the repository, in the order of its file.
    """
    known = frozenset(rule.id for rule in RULES)
    for index, environment in enumerate(environments):
        for rule in environment.severities:
            if rule not in known:
                place = config.place_of(root, "environments", index, "severities", rule)
                raise UsageError(
                    f"{location(place)}: there is no rule {rule!r}",
                    hint=hint(rule, known, "`meshgate rules` lists them"),
                )
