"""The rules, one file each, in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshgate.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
