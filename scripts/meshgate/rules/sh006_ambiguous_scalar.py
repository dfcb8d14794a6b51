"""A value without quotes that readers of YAML take for different things.

What it checks
    Values without quotes, where a string is meant, that some YAML reader takes for a boolean
    (`y`, `no`, `on`), a number (`010`, `1.10`) or a time of day (`12:30`).

    ```yaml
    subsets:
      - name: v1
        labels: {version: 1.10}   # becomes 1.1; write "1.10"
    ```

Why it matters
    kubectl, istioctl, kustomize and the tools of a pipeline read different versions of YAML. A
    label that one of them turns into `true` or `1.1` matches no pod any more, and a policy that
    selects by it protects nobody.

How to fix
    Put the value in quotes.

Known gaps
    Only places where the API wants a string are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

TRUE = frozenset({"y", "yes", "on", "true"})
FALSE = frozenset({"n", "no", "off", "false"})


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "ambiguous-scalar":
            yield Violation(
                None,
                defect.path,
                f"{defect.detail} without quotes is {reading(defect.detail)} to some readers of "
                "YAML and a string to others",
                fix=f'write it in quotes: "{defect.detail}"',
                source=defect.position,
            )


def reading(scalar: str) -> str:
    """What a reader of YAML 1.1 makes of a plain scalar."""
    word = scalar.lower()
    if word in TRUE | FALSE:
        return f"the boolean {str(word in TRUE).lower()}"
    if re.fullmatch(r"0[0-7]+", scalar):
        return f"the octal number {int(scalar, 8)}"
    if re.fullmatch(r"\d{1,9}:[0-5]?\d", scalar):
        sixties, rest = map(int, scalar.split(":"))
        return f"the base-60 number {sixties * 60 + rest}"
    if re.fullmatch(r"\d+\.\d+", scalar):
        return f"the number {float(scalar)}"
    return "a date" if re.match(r"\d{4}-\d{1,2}-\d", scalar) else "a number"


RULE = Rule(
    id="SH006",
    name="ambiguous-scalar",
    severity=Severity.WARNING,
    summary="A value without quotes that is a boolean or a number to some readers.",
    fix="write the value in quotes",
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
