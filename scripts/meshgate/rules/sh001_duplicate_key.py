"""The same key twice in one mapping.

What it checks
    Every mapping of every source file that an environment is built from.

    ```yaml
    spec:
      mtls: {mode: STRICT}
      mtls: {mode: PERMISSIVE}   # which one holds?
    ```

Why it matters
    YAML forbids it and readers differ: kustomize and the API server's strict mode refuse the file,
    other tools silently keep the last one. What a reviewer read is then not what runs.

How to fix
    Remove one of the two keys.

Known gaps
    Keys that only become equal by reading (`1` and `"1"`) are told by kustomize, not here.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "duplicate-key":
            first = f" (first on line {defect.first.line})" if defect.first else ""
            yield Violation(
                None,
                defect.path,
                f"key {defect.detail!r} is written twice in one mapping{first}: kustomize refuses "
                "the file, other readers keep the last value and lose the first",
                fix=f"remove one of the two {defect.detail!r}",
                source=defect.position,
            )


RULE = Rule(
    id="SH001",
    name="duplicate-key",
    severity=Severity.ERROR,
    summary="A mapping of a source file has the same key twice.",
    fix="remove one of the two keys",
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
