"""A policy without a mode in the place of one that has one.

What it checks
    PeerAuthentications that set neither a mode nor a port's mode (UNSET, `mtls: {}`, no `mtls`, no
    `spec`) and share their scope with a policy that does, unless their age is known to be the
    lesser. For selectors, scopes are shared where the labels are equal or some of the other's.

    ```yaml
    # istio-system/default, from an old installation
    spec: {}
    ---
    # istio-system/strict: never used if the other is older
    spec: {mtls: {mode: STRICT}}
    ```

Why it matters
    istiod takes the oldest policy of a scope and drops the others, before it looks at modes. A
    policy that says nothing therefore wins over a younger STRICT, and the scope falls back to the
    wider policy, or to Istio's default PERMISSIVE.

How to fix
    Remove the empty policy, or give it the mode and remove the other.

Known gaps
    Two policies that both set a mode are PA003's. Selectors that overlap only in some pods need an
    inventory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice, takewhile

from meshgate.mesh.order import age, may_precede
from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.model import Severity
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import SHOWN, listed


def check(context: Context) -> Iterator[Violation]:
    reported: set[int] = set()
    for plane in pa.by_control_plane(context):
        for scope in plane.scopes:
            empty, others = split(plane.rivals(scope))
            for policy in empty if others else ():
                after = takewhile(partial(may_precede, policy), others)
                blocked = list(islice(after, SHOWN))
                if blocked and id(policy.resource) not in reported:
                    reported.add(id(policy.resource))
                    yield violation(plane, scope, policy, blocked)


def split(policies: list[PeerPolicy]) -> tuple[list[PeerPolicy], list[PeerPolicy]]:
    """The policies that say nothing; those that set a mode, of unknown age first, then youngest."""
    empty = [policy for policy in policies if not sets_a_mode(policy)]
    if not empty:
        return [], []
    real = sorted(filter(sets_a_mode, policies), key=age, reverse=True)
    real.sort(key=lambda policy: bool(policy.created))
    return empty, real


def sets_a_mode(policy: PeerPolicy) -> bool:
    """Whether a policy sets a mode, for the workload or for a port."""
    return any(m != pa.UNSET for m in (pa.own_mode(policy), *pa.port_modes(policy).values()))


def violation(
    plane: pa.ControlPlanePolicies,
    scope: pa.PolicyScope,
    policy: PeerPolicy,
    blocked: list[PeerPolicy],
) -> Violation:
    """What the scope gets when the empty policy is the oldest."""
    names = listed([other.name for other in blocked])
    inherited = " or ".join(plane.inherited(scope))
    certain = all(other.created for other in (policy, *blocked))
    return Violation(
        policy.resource,
        pa.mode_path(policy.resource),
        f"sets no mode, {'and is' if certain else 'and where it is'} older than {names}"
        f"{', so' if certain else ','} it decides for {scope} all the same: "
        f"{names} does nothing, and {inherited} is inherited",
        fix=f"remove {policy.name}, or give it the mode of {names} and remove that",
        related=tuple(
            RelatedResource(
                other.resource, f"sets {pa.own_mode(other)}", pa.mode_path(other.resource)
            )
            for other in blocked
        ),
    )


RULE = Rule(
    id="PA008",
    name="unset-blocks-policy",
    severity=Severity.ERROR,
    summary="A policy without a mode can take the place of one that sets it.",
    fix="remove the policy that sets no mode",
    phase=Phase.STATE,
    needs=Needs.POLICIES,
    kinds=frozenset({pa.KIND}),
    check=check,
)
