"""Auto mTLS sends what the server does not take, and no rule says otherwise.

What it checks
    Calls of clients with a sidecar for which auto mTLS decides and which fail. There are three such
    pairs: a namespace (or mesh) in DISABLE with one workload or port STRICT; a headless Service
    with one workload or port in DISABLE; a headless Service of which one pod has no sidecar.

    ```yaml
    kind: PeerAuthentication               kind: PeerAuthentication
    metadata: {name: default}              metadata: {name: ledger}
    spec:                                  spec:
      mtls: {mode: DISABLE}                  selector: {matchLabels: {app: ledger}}
                                             mtls: {mode: STRICT}
    ```

Why it matters
    Auto mTLS is trusted to find out by itself. It looks at the namespace's policy alone to choose
    between plaintext and mutual TLS for a Service, and for a headless one it cannot tell its pods
    apart. The calls fail although every single object looks right.

How to fix
    Make both policies agree: PERMISSIVE instead of DISABLE for the wider scope. For a headless
    Service either give all pods a sidecar and one mode, or state the mode in a DestinationRule.

Known gaps
    The same calls are reported by CA001 or CA002, which name what is sent; this finding names the
    pair of policies that leads there.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import Discovery, Transport
from meshgate.model import Severity
from meshgate.rules import ca001_plaintext_into_strict as plaintext_into_strict
from meshgate.rules import ca002_mtls_into_plaintext as mtls_into_plaintext
from meshgate.rules.broken_calls import Broken, broken_calls, taken_at, violation
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    for broken in broken_calls(context):
        if (
            context.environment.mesh.enable_auto_mtls
            and broken.is_auto
            and broken.has_sidecar
            # What annotations keep from the sidecar is no matter of two policies: CA002 reports it.
            and broken.is_captured
            and broken.server is not None
            # Nor is what two Services say of the protocol: CA015.
            and not broken.is_misread
        ):
            why = cause(broken)
            fix = f"{fix_of(context, broken)}; {lasting(broken)}"
            yield violation(
                broken,
                f"auto mTLS comes to {broken.delivery.transport} for {broken.target}, since {why}; "
                f"{broken.servers} {broken.of_servers('does', 'do')} not take that "
                f"({broken.taken_by}), and the calls of {broken.clients} fail",
                fix,
                at=taken_at,
            )


def fix_of(context: Context, broken: Broken) -> str:
    """What CA001 or CA002 say of the same calls."""
    assert context.mesh is not None
    if broken.delivery.transport is Transport.MTLS:
        return mtls_into_plaintext.fix(context, broken)
    return plaintext_into_strict.fix(context.mesh, broken)


def cause(broken: Broken) -> str:
    """Why auto mTLS chose so."""
    policy = broken.call.policy
    headless = policy is not None and policy.discovery is Discovery.ORIGINAL_DST
    if headless and broken.delivery.transport is Transport.MTLS:
        return "for a headless Service it does not look at policies of workloads and ports"
    if headless and _mixed(broken):
        return "for a headless Service it needs a sidecar in every pod, and one has none"
    return "it looks at the policy of the namespace or mesh only, which is DISABLE"


def lasting(broken: Broken) -> str:
    """What makes an end of the pair, beyond these calls."""
    if _mixed(broken):
        return "for good, give every pod of the Service a sidecar, or take those without out of it"
    return "for good, let the wider and the narrower policy agree, DISABLE in neither"


def _mixed(broken: Broken) -> bool:
    endpoints = broken.call.service.endpoints.get(broken.call.port.number, ())
    return any(each.workload is None or not each.workload.has_sidecar for each in endpoints)


RULE = Rule(
    id="CA004",
    name="auto-mtls-dead-end",
    severity=Severity.ERROR,
    summary="Auto mTLS sends what the server does not take.",
    fix="make the policies of the wider and the narrower scope agree",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
