"""A chart whose render does not follow from its files.

What it checks
    The templates of every chart that an environment is built from, those of the charts in it
    included, for functions that ask the cluster (`lookup`) or the network (`getHostByName`), follow
    the clock (`now`) or make something by chance (`randAlphaNum`, `genCA`, `uuidv4`, …).

    ```yaml
    spec:
      mtls:
        mode: {{ (lookup "v1" "ConfigMap" "mesh" "settings").data.mode | default "STRICT" }}
    ```

Why it matters
    Charts are rendered here without a cluster and without a network: `lookup` finds nothing and
    `getHostByName` gives an empty text, as with `helm template` and in Argo CD. `helm install` and
    Flux ask the cluster instead, and make another object than the one that was judged. What chance
    or the clock makes is different at each render, so that no promotion can be repeated.

How to fix
    Give the value in a file of values instead, and leave the function out. Where the render without
    it is what clusters get, as with Argo CD or a pinned environment, waive the finding with that
    reason, by the file:

    ```yaml
    waivers:
      - rule: RE010
        path: charts/shop/templates/secret.yaml
        owner: shop
        reason: prod is pinned, and its clusters get what was rendered without lookup
        expires: 2027-06-30
    ```

Known gaps
    A function in a branch that is not taken is reported, too. `tpl` on a value is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation

UNSETTLED = "unsettled-template"


def check(context: Context) -> Iterator[Violation]:
    for defect in context.record.defects:
        if defect.kind == UNSETTLED:
            yield Violation(
                None,
                "",
                f"{defect.why}: what clusters get may be another thing than what is judged here",
                decided=False,
                source=defect.position,
                key=defect.detail,
            )


RULE = Rule(
    id="RE010",
    name="unsettled-template",
    severity=Severity.WARNING,
    summary="A chart asks the cluster or the network, or makes something by chance.",
    fix="give the value in a file of values, and leave the function out",
    phase=Phase.SOURCE,
    needs=Needs.BUILD,
    kinds=frozenset(),
    check=check,
)
