"""A port number as a key, without quotes.

What it checks
    Keys of `portLevelMtls` in the sources that are written as integers.

    ```yaml
    portLevelMtls:
      8080: {mode: STRICT}     # write "8080"
    ```

Why it matters
    Keys of a Kubernetes object are strings. kubectl turns the number into one, but kustomize
    cannot: the build of the whole overlay ends with `unsupported type: map[interface {}]`, which
    names neither the file nor the line.

How to fix
    Put the port in quotes: `"8080": {mode: STRICT}`.

Known gaps
    None: the shape alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == "integer-key":
            yield Violation(
                None,
                defect.path,
                f"key {defect.detail} is a number, and kustomize cannot build an object with such "
                "a key: nothing of this overlay would be rendered",
                fix=f'write it in quotes: "{defect.detail}"',
                source=defect.position,
            )


RULE = Rule(
    id="SH005",
    name="unquoted-port-key",
    severity=Severity.ERROR,
    summary="A port key without quotes, which kustomize cannot build.",
    fix='write the port in quotes, such as "8080"',
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
