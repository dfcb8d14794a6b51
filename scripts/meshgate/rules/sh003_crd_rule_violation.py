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

from msgspec import structs

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.refused import refused
from meshgate.rules.rule import Needs, Phase, Rule, Violation

ONE_VALUE = "write the whole value: a selector matches exact labels, and knows no wildcard"
ONE_OF_TWO = "keep one of the two, and remove the other"
# What a person writes instead, by what the message of a CRD begins with.
FIXES = (
    (
        "portLevelMtls requires selector",
        (
            "add spec.selector.matchLabels for the workloads whose ports these are, in their own "
            "namespace; for all ports of all workloads write spec.mtls"
        ),
    ),
    ("wildcard", ONE_VALUE),
    ("only one of", ONE_OF_TWO),
    ("exactly one of", ONE_OF_TWO),
    ("must be a valid duration", "write a number with a unit, such as 500ms, 30s or 1m30s"),
    ("port must be between", 'write the number of a port, quoted where it is a key: "8080"'),
    ("port number cannot be duplicated", "keep one entry for each port number"),
    ("port name must be valid", "write letters, digits and dashes, 62 at most"),
    ("cross namespace referencing", "remove the namespace: the target is in the object's own"),
    (
        "Cannot set serviceAccounts with",
        (
            "keep serviceAccounts, or principals and namespaces; an "
            "entry of its own under `from` takes the other"
        ),
    ),
    ("CIDR addresses are allowed", "write single addresses, or resolution: NONE or STATIC"),
    ("DNS_ROUND_ROBIN mode cannot", "keep one endpoint, or write resolution: DNS"),
    ("NONE mode cannot set endpoints", "remove the endpoints, or write resolution: STATIC or DNS"),
    ("hostname cannot be wildcard", "name the host, or a wildcard of a domain: `*.example.com`"),
    ("Address is required", "write address, or network for an endpoint of another network"),
    ("key must not be empty", "name the label"),
    ("UDS may not include ports", "remove ports: a Unix socket has none"),
    ("UDS", "write the whole path of the socket: unix:///run/name.sock, or unix://@name"),
    ("scheme must be one of", "write HTTP or HTTPS"),
    ("url must have", "write the URL with its scheme: https://…"),
    ("value must be set", "write value, or operation: REMOVE"),
    ("value must not be set", "remove value"),
    ("value may only be set", "remove value, or write valueFrom: INLINE"),
)


def check(context: Context) -> Iterator[Violation]:
    for violation in refused(context, "SH003"):
        yield structs.replace(violation, fix=violation.fix or way_out(violation.message))


def way_out(message: str) -> str:
    """What to write where a rule of the CRD does not hold; empty: only its message tells."""
    return next((fix for begin, fix in FIXES if message.startswith(begin)), "")


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
