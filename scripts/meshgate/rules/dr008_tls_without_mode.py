"""A `tls` block that forgets its mode.

What it checks
    Every `tls` block of a DestinationRule, on each level, for a missing `mode`.

    ```yaml
    trafficPolicy:
      tls:
        sni: userprofile.example.com   # no mode: DISABLE
    ```

Why it matters
    Without `mode` the block does not mean "as before": the first value of Istio's enumeration
    stands in, and that is DISABLE. The block overrides auto mTLS, so clients send plaintext, and
    every other field of it is ignored.

How to fix
    Write the mode that is meant: ISTIO_MUTUAL inside the mesh, SIMPLE or MUTUAL toward a server
    with certificates of its own. If auto mTLS is meant, remove the whole block.

Known gaps
    None: the shape alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules import destination_rule as dr
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for rule in dr.seen(context):
        for place in rule.places:
            if place.tls is None or place.mode is not None:
                continue
            ignored = (
                f", and its other fields ({', '.join(place.tls)}) do nothing" if place.tls else ""
            )
            yield Violation(
                rule.resource,
                place.path("tls"),
                f"tls without mode{place.where} means DISABLE: clients send plaintext to "
                f"{rule.host}{ignored}",
                fix="write the mode that is meant, ISTIO_MUTUAL inside the mesh, "
                "or remove tls so that auto mTLS decides",
            )


RULE = Rule(
    id="DR008",
    name="tls-without-mode",
    severity=Severity.ERROR,
    summary="A tls block without mode means DISABLE.",
    fix="write the mode, or remove the tls block so that auto mTLS decides",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({dr.KIND}),
    check=check,
)
