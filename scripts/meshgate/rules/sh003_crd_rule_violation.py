"""A value that a validation rule of the CRD refuses.

What it checks
    The CEL expressions that Istio's CRDs carry in `x-kubernetes-validations`, with the CRD's own
    message: durations of at least 1ms, `portLevelMtls` only with a selector, no wildcard in
    selectors, one of several fields.

    ```yaml
    spec:
      mtls: {mode: STRICT}
      portLevelMtls:          # portLevelMtls requires selector
        "8080": {mode: DISABLE}
    ```

Why it matters
    The API server evaluates these rules and refuses the object. Checkers that know JSON Schema
    alone let it pass.

How to fix
    The message is the rule's. An expression that cannot be evaluated for a value (a port that is
    no number) counts as refused, as it does in the API server.

Known gaps
    Rules about the change from the old object to the new one have nothing to say of a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.refused import refused
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    return refused(context, "SH003")


RULE = Rule(
    id="SH003",
    name="crd-rule-violation",
    severity=Severity.ERROR,
    summary="A validation rule of the CRD does not hold.",
    fix="change the value so that the rule holds",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
