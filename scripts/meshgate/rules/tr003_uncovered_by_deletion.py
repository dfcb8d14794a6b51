"""A deleted policy, and something weaker under it.

What it checks
    A PeerAuthentication that is deleted, or that no longer decides a port since its selector, its
    mode or its entry for the port is gone: what decides now must not be weaker. And a
    DestinationRule that is deleted: its calls must not turn to plaintext or fail by it.

    ```yaml
    # deleted: boards/default with STRICT; left: istio-system/default
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: default
      namespace: istio-system
    spec:
      mtls:
        mode: PERMISSIVE
    ```

Why it matters
    Deleting a policy reads like tidying up, and its diff shows only what goes. What comes out from
    under it stands in another file, written for others: the mode of the mesh, or Istio's default,
    which is PERMISSIVE.

How to fix
    Make what is uncovered as strong as what is deleted, in a change before this one; or keep the
    policy.

Known gaps
    AuthorizationPolicies are reported by TR005, by what they let in, whether deleted or edited.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect import Uncovered
from meshgate.model import Severity
from meshgate.rules.blame import called, callers
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.transformed import removing_patch
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    for each in context.effect.uncovered if context.effect is not None else ():
        heir = str(each.now) if each.now is not None else _default(each)
        patch = removing_patch(context, each.policy) if each.is_deleted else None
        by = f" by the patch in {patch.origin.file}" if patch else ""
        lost = f"is deleted{by}" if each.is_deleted else "decides less than before"
        yield Violation(
            each.policy,
            "",
            f"{each.policy} {lost}, and {heir} decides now: {_what(each)}",
            source=patch.position if patch else None,
            related=(RelatedResource(each.now, "decides now"),) if each.now is not None else (),
            key=heir,
        )


def _default(each: Uncovered) -> str:
    return "Istio's default" if each.ports else "auto mTLS or nothing"


def _what(each: Uncovered) -> str:
    if each.ports:
        first = each.ports[0]
        return (
            f"{listed(map(str, each.ports))} {first.after.mode or 'no mode'} instead of "
            f"{first.before.mode}"
        )
    outcomes = listed(dict.fromkeys(str(call.change) for call in each.calls))
    return f"calls of {callers(each.calls)} to {called(each.calls)} are worse ({outcomes})"


RULE = Rule(
    id="TR003",
    name="uncovered-by-deletion",
    severity=Severity.ERROR,
    summary="A deleted policy uncovers a weaker one.",
    fix="make what is uncovered as strong first, or keep the policy",
    phase=Phase.CHANGE,
    needs=Needs.EFFECT,
    kinds=frozenset(),
    check=check,
)
