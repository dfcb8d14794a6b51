"""A field that is unknown, missing, or has the wrong type or value.

What it checks
    Every object of Istio's API against the CRD of the environment's Istio version, and the
    Kubernetes, Argo CD and Flux objects beside it against theirs. A field that the schema does not
    have is refused, also where an API server would drop it without a word. Names, keys and sizes in
    `metadata` are judged as the API server does.

    ```yaml
    spec:
      mtls:
        mdoe: STRICT    # unknown field `mdoe`, did you mean `mode`?
    ```

Why it matters
    The API server refuses a wrong value, and the sync of the whole environment stops there. A
    misspelt field is worse: by default it is dropped, and what is left may be an empty `mtls`,
    which inherits PERMISSIVE.

How to fix
    The message names the field that was probably meant, or the values that are allowed. A number
    or `true` where a string is wanted needs quotes.

Known gaps
    Kinds that this version of meshgate has no schema of are not judged unless `require.kinds`
    names them. Then the run ends with exit code 6.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.refused import refused
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    return refused(context, "SH002")


RULE = Rule(
    id="SH002",
    name="schema-violation",
    severity=Severity.ERROR,
    summary="An object does not fit the schema of its kind.",
    fix="write the field as the schema has it",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
