"""The rules, one file each, in the order of their ids."""

from __future__ import annotations

import importlib
import pkgutil
import re

from meshgate.rules.rule import Phase, Rule

# A rule's file is named for its id and its name: `dr003_wildcard_host`.
_RULE_FILE = re.compile(r"[a-z]{2}\d{3}_\w+")


def _registered() -> tuple[Rule, ...]:
    """The rule of each file in this package that is named like one."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [
        importlib.import_module(f"{__name__}.{name}") for name in names if _RULE_FILE.match(name)
    ]
    return tuple(module.RULE for module in modules)


RULES: tuple[Rule, ...] = _registered()


def rules_of(phase: Phase) -> tuple[Rule, ...]:
    """The rules of one phase, in the order of their ids."""
    return tuple(rule for rule in RULES if rule.phase is phase)
