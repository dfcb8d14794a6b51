"""A waiver that covers no finding.

What it checks
    Every waiver that has not expired, for a finding that it covered in this run: the rule and the
    object are those it names, and the path, if it names one, is the finding's or above it.

    ```yaml
    waivers:
      - rule: PA001
        resource: PeerAuthentication/boards/default   # STRICT for months
    ```

Why it matters
    An exception that nobody needs any more is an open door: it would hide the same finding when it
    comes back by mistake.

How to fix
    Remove the waiver. If the finding is still there, correct the rule, the object
    (`Kind/namespace/name`) or the path it names. Some rules cannot be waived; `meshgate rules ID`
    tells which.

Known gaps
    Declared differences are not asked for use here.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# Rules that have nothing to say where no change is judged, so that a waiver of one covers nothing.
CHANGE_FAMILY = "TR"
ORPHAN = "RE003"


def check(context: Context) -> Iterator[Violation]:
    for waiver in context.environment.waivers:
        is_asked = context.effect is not None or not waiver.rule.startswith(CHANGE_FAMILY)
        # What nobody's kustomization reaches is reported of the repository, of no environment.
        is_asked = is_asked and not (waiver.rule == ORPHAN and waiver.resource is None)
        if is_asked and waiver.expires >= context.today and waiver not in context.used_waivers:
            yield Violation(
                None,
                "",
                f"the waiver of {waiver.rule} for {waiver.place} covers no finding "
                f"(owner {waiver.owner}: {waiver.reason})",
                fix="remove it, or correct the rule, the object or the path that it names",
                source=waiver.source,
                key=f"{waiver.rule} {waiver.place}",
            )


RULE = Rule(
    id="WA002",
    name="unused-waiver",
    severity=Severity.WARNING,
    summary="A waiver covers no finding.",
    fix="remove the waiver",
    phase=Phase.WAIVER,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
