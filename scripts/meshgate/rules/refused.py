"""What the schemas and the webhook refuse, as violations of the rule that names it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.rules.context import Context
from meshgate.rules.rule import Violation


def refused(context: Context, rule: str) -> Iterator[Violation]:
    """The schema violations that carry this rule's id, in their order."""
    for violation in context.violations:
        if violation.rule == rule:
            yield Violation(
                violation.resource, violation.path, violation.message, fix=violation.fix
            )
