"""A waiver, or a declared difference, that ends within two weeks.

What it checks
    The `expires` of every entry of `waivers/<environment>.yaml` that still holds, for a day within
    the next 14 (today as for WA001).

    ```yaml
    waivers:
      - rule: PA002
        resource: PeerAuthentication/boards/metrics
        expires: 2026-08-10   # with ten days to go
    ```

Why it matters
    On the day after, the finding is an error again, in whichever pull request comes first. Its
    author will hardly be the one who can mend it.

How to fix
    Mend what is waived, or have the owner ask for a new date now.

Known gaps
    Nobody is told outside a run: this is a warning in its report.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.waiver_use import exemptions

SOON = datetime.timedelta(days=14)


def check(context: Context) -> Iterator[Violation]:
    for entry in exemptions(context.environment):
        left = entry.expires - context.today
        if datetime.timedelta(0) <= left <= SOON:
            when = f"in {left.days} days" if left.days > 1 else ("today", "tomorrow")[left.days]
            yield Violation(
                None,
                "",
                f"{entry} ends {when}, on {entry.expires}; what it covers is an open finding from "
                f"the next day on (owner {entry.owner}: {entry.reason})",
                fix=f"mend what it covers, or have {entry.owner} ask for a new date",
                source=entry.source,
                key=str(entry),
            )


RULE = Rule(
    id="WA003",
    name="expiring-waiver",
    severity=Severity.WARNING,
    summary="A waiver or declared difference ends within 14 days.",
    fix="mend what it covers, or ask for a new date",
    phase=Phase.WAIVER,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
