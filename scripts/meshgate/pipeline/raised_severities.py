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

KNOWN = frozenset(rule.id for rule in RULES)


def refuse_unknown_rules(root: Path, environments: Sequence[Environment]) -> None:
    """Raise UsageError where a rule is raised that there is not: nothing would ever be.

    `environments`: all of the repository, in the order of its file.
    """
    for index, environment in enumerate(environments):
        for rule in environment.severities:
            if rule not in KNOWN:
                place = config.place_of(root, "environments", index, "severities", rule)
                raise no_such_rule(location(place), rule)


def loose_environment(file: Path | None) -> Environment:
    """What loose manifests are judged by: a file of `--mesh`, or Istio's defaults.

    Raises UsageError as `config.load_mesh`, and for a severity of no rule.
    """
    if file is None:
        return Environment(name="")
    environment = config.load_mesh(file)
    for rule in environment.severities:
        if rule not in KNOWN:
            raise no_such_rule(str(file), rule)
    return environment


def no_such_rule(place: str, rule: str) -> UsageError:
    """The error of a rule that is raised and is none."""
    return UsageError(
        f"{place}: there is no rule {rule!r}", hint=hint(rule, KNOWN, "`meshgate rules` lists them")
    )
