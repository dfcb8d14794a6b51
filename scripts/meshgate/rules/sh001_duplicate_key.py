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
    Remove one of the two keys. Where a second object begins, the line `---` before it is missing,
    which is reported once for the document.

Known gaps
    Keys that only become equal by reading (`1` and `"1"`) are reported by kustomize, not here.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Defect, Origin, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

# Where both of these stand twice at the top of a document, a second object begins in it.
HEADS = frozenset({"apiVersion", "kind"})


def check(context: Context) -> Iterator[Violation]:
    by_document: dict[Origin, list[Defect]] = {}
    for defect in context.record.defects:
        if defect.kind == "duplicate-key":
            by_document.setdefault(defect.origin, []).append(defect)
    for defects in by_document.values():
        again = next((each for each in defects if each.path in HEADS), None)
        if again is not None and {each.path for each in defects} >= HEADS:
            yield not_separated(again)
        else:
            yield from map(twice, defects)


def not_separated(defect: Defect) -> Violation:
    """Two objects in one document: every key of the second is a second key of the first."""
    return Violation(
        None,
        "",
        f"a second object begins in line {defect.position.line}, and no `---` stands before it: "
        "kustomize refuses the file, other readers keep the last object and lose the first",
        fix="write a line `---` before it",
        source=defect.position,
    )


def twice(defect: Defect) -> Violation:
    """One key that a mapping has a second time."""
    first = f" (first on line {defect.first.line})" if defect.first else ""
    return Violation(
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
