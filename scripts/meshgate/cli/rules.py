"""List the rules, or explain one.

examples:
  meshgate rules           every rule, a line each
  meshgate rules DR003     what it checks, why it matters, how to fix it
"""

from __future__ import annotations

import argparse
import shutil
import sys

from meshgate.errors import UsageError
from meshgate.report.escape.json_text import Rows, document
from meshgate.report.escape.terminal import wrap
from meshgate.rules import RULES
from meshgate.rules.rule import Rule
from meshgate.wording.nearest import hint

FORMATS = ("text", "json")
# However little room a terminal leaves beside the names.
NARROWEST = 24


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("id", nargs="?", metavar="ID", help="id or name of one rule")


def run(options: argparse.Namespace) -> int:
    """Print the table, or one rule's page."""
    if any(output.format == "json" for output in options.outputs):
        rules = [find(options.id)] if options.id else RULES
        print(document(version=1, rules=Rows([as_json(rule) for rule in rules])), end="")
    elif options.id:
        print(page(find(options.id)), end="")
    else:
        # A line each for `grep`; wrapped where somebody reads them.
        wide = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
        print(table(wide), end="")
    return 0


def find(text: str) -> Rule:
    """The rule of this id or name. Raises UsageError."""
    names = {name: rule for rule in RULES for name in (rule.id, rule.name)}
    rule = names.get(text) or names.get(text.upper()) or names.get(text.lower())
    if rule is None:
        raise UsageError(
            f"there is no rule {text!r}",
            hint=hint(text, names, "`meshgate rules` lists them"),
        )
    return rule


def table(columns: int) -> str:
    """One row for each rule, its summary wrapped beside it."""
    width = max(len(rule.name) for rule in RULES)
    lines = []
    for rule in RULES:
        row = f"{rule.id}  {rule.severity.value:<7}  {rule.name:<{width}}  "
        for line in wrap(rule.summary, max(columns - len(row), NARROWEST)):
            lines.append(f"{row}{line}\n")
            row = " " * len(row)
    return "".join(lines)


def page(rule: Rule) -> str:
    """All there is to know of one rule."""
    waiver = "may be waived" if rule.waivable else "cannot be waived"
    return (
        f"{rule.id} {rule.name}\n{rule.severity.value}, {waiver}\n\n"
        f"{rule.summary}\n\n{rule.documentation}\n"
    )


def as_json(rule: Rule) -> dict[str, object]:
    """The rule for a machine."""
    return {
        "id": rule.id,
        "name": rule.name,
        "severity": rule.severity.value,
        "summary": rule.summary,
        "fix": rule.fix,
        "needs": rule.needs + (f" ({rule.sharper_with})" if rule.sharper_with else ""),
        "waivable": rule.waivable,
    }
