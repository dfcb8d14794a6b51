"""What istiod's validating webhook refuses although the schema allows it.

What it checks
    Every object of Istio's API, as `pkg/config/validation` of Istio 1.31 does, errors only: the
    grammar of hosts, certificates that a TLS mode needs or excludes, empty traffic policies,
    duplicate subsets, entries of `exportTo` that exclude each other, routes without destination.

    ```yaml
    spec:
      host: reviews.*.svc.cluster.local    # a wildcard inside of a host
      trafficPolicy: {}                    # says nothing, and is refused
    ```

Why it matters
    The API server asks the webhook before it stores the object. What istiod refuses stops the
    sync, and with `failurePolicy: Ignore` or a webhook that is not installed it reaches the proxies
    in a shape that nobody tested.

How to fix
    The message says what istiod wants at this place.

Known gaps
    The Envoy objects in EnvoyFilter patches, the key material of inline JWKS, and regular
    expressions with constructs that only RE2 knows are not judged. Older versions of istiod may
    accept what 1.31 refuses. Warnings of the webhook are none of this rule's.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.refused import refused
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for violation in refused(context, "SH004"):
        fix = f"change {violation.path} as the message says; istiod refuses the whole object"
        yield structs.replace(violation, fix=violation.fix or fix)


RULE = Rule(
    id="SH004",
    name="webhook-violation",
    severity=Severity.ERROR,
    summary="istiod's webhook refuses the object.",
    fix="change what istiod refuses",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset(),
    check=check,
    waivable=False,
)
