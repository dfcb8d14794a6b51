"""`--select` and `--ignore`: the findings of some rules, and a sentence on what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshgate.errors import UsageError
from meshgate.model import Finding
from meshgate.rules import RULES
from meshgate.wording import plural
from meshgate.wording.nearest import hint


def narrow(
    findings: Iterable[Finding], select: Sequence[str], ignore: Sequence[str]
) -> tuple[list[Finding], list[str]]:
    """The findings of rules that `select` names (empty: all) and `ignore` does not.

    Each entry is the beginning of an id (`PA`, `PA001`) or a rule's name; several stand in one with
    commas. Raises UsageError for one that is no rule's.
    """
    wanted, unwanted = _rules(select), _rules(ignore)
    every = list(findings)
    selected = [
        each for each in every if (not select or each.rule in wanted) and each.rule not in unwanted
    ]
    left = len(every) - len(selected)
    if not left:
        return selected, []
    return selected, [f"{plural(left, 'finding')} of rules that were not asked for left out"]


def _rules(entries: Sequence[str]) -> frozenset[str]:
    chosen: set[str] = set()
    for entry in (part.strip() for each in entries for part in each.split(",")):
        named = {rule.id for rule in RULES if rule.id.startswith(entry) or rule.name == entry}
        if not entry or not named:
            names = [name for rule in RULES for name in (rule.id, rule.name)]
            raise UsageError(
                f"{entry!r} is the beginning of no rule's id, and no rule's name",
                hint=hint(entry, names, "`meshgate rules` lists them"),
            )
        chosen |= named
    return frozenset(chosen)
