"""An entry of the baseline that covers no finding.

What it checks
    Every entry of `baseline.yaml` for this environment, for a finding of that fingerprint and rule.

    ```yaml
    findings:
      - fingerprint: 0b1e5ba1a3a3a4d4c6c1c36b4a3f2d10
        environment: prod
        rule: PA001
        resource: PeerAuthentication/shop/default   # STRICT since last week
    ```

Why it matters
    The baseline holds what was there when meshgate came, and only ever shrinks. An entry that stays
    behind would hide the same finding when it comes back.

How to fix
    `meshgate baseline --update` takes out what is gone, and adds nothing. An entry of a rule that
    can never be waived covers nothing: repair what the rule says.

Known gaps
    Entries of no environment are not asked for; `--update` takes them out, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for entry in context.environment.baseline:
        if entry.fingerprint not in context.used_baseline:
            yield Violation(
                None,
                "",
                f"the baseline has {entry.rule} for {entry.place or entry.fingerprint}, and there "
                "is no such finding any more",
                source=entry.source,
                key=entry.fingerprint,
            )


RULE = Rule(
    id="WA004",
    name="gone-from-baseline",
    severity=Severity.WARNING,
    summary="An entry of the baseline covers no finding.",
    fix="run `meshgate baseline --update`, which takes out what is gone",
    phase=Phase.WAIVER,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
