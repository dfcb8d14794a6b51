"""A waiver, or a declared difference, whose last day has passed.

What it checks
    The `expires` of every entry of `waivers/<environment>.yaml`, waivers and differences alike,
    against today (`--today`, `MESHGATE_TODAY`, else the clock).

    ```yaml
    waivers:
      - rule: PA002
        resource: PeerAuthentication/boards/metrics
        owner: team-boards
        reason: scraped from outside the mesh
        expires: 2026-01-31   # long ago
    ```

Why it matters
    An exception was granted for a time. From the next day on it covers nothing: the finding is
    open again, and this one tells why.

How to fix
    Mend what was waived and remove the entry. If the exception must go on, its owner sets a new
    date, in a change that is reviewed.

Known gaps
    The day is that of UTC. The last day itself still counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation
from meshgate.rules.waiver_use import exemptions


def check(context: Context) -> Iterator[Violation]:
    for entry in exemptions(context.environment):
        if entry.expires < context.today:
            yield Violation(
                None,
                "",
                f"{entry} expired on {entry.expires} and covers nothing any more "
                f"(owner {entry.owner}: {entry.reason})",
                fix=f"mend what it covered and remove it, or have {entry.owner} ask for a new date",
                source=entry.source,
                key=str(entry),
            )


RULE = Rule(
    id="WA001",
    name="expired-waiver",
    severity=Severity.ERROR,
    summary="A waiver or declared difference has expired.",
    fix="mend what it covered and remove it, or ask for a new date",
    phase=Phase.WAIVER,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
