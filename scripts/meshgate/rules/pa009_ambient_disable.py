"""DISABLE in a mesh without sidecars.

What it checks
    Every PeerAuthentication mode and port mode that is DISABLE where ztunnel enforces it: for
    workloads in ambient mode by the labels of namespaces and pods, and where none is known in a
    mesh that is declared so (`mesh.dataPlane: ambient`).

    ```yaml
    spec:
      selector: {matchLabels: {app: boards}}
      portLevelMtls:
        "9102": {mode: DISABLE}   # in ambient: write PERMISSIVE
    ```

Why it matters
    ztunnel cannot switch mutual TLS off. DISABLE there means PERMISSIVE: plaintext is taken beside
    mTLS, which is not what the word says. And a port with DISABLE in a policy that sets no mode of
    its own is not opened at all where the namespace or the mesh is STRICT: the strict policy stays
    attached to the workload, and the exception silently does not work. For workloads with sidecars
    in the same mesh DISABLE breaks every ambient client, since those always send mTLS.

How to fix
    Write PERMISSIVE for a port that must take plaintext, together with the workload's own
    `spec.mtls.mode`. Remove DISABLE everywhere else.

Known gaps
    A policy for workloads of both kinds, with sidecars and in ambient mode, is not looked at: for
    the former DISABLE does what it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.model import Severity, join_path
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, Rule, Violation


def check(context: Context) -> Iterator[Violation]:
    facts = context.environment.mesh
    for policy in pa.seen(context):
        if pa.is_ignored(policy, facts) or not pa.is_ambient(context, pa.scope_of(policy, facts)):
            continue
        own = pa.own_mode(policy)
        if own == "DISABLE":
            yield Violation(
                policy.resource,
                "spec.mtls.mode",
                "DISABLE in an ambient mesh means PERMISSIVE: ztunnel takes mTLS all the same, "
                "and plaintext beside it",
                fix=instead(context, "spec.mtls.mode"),
            )
        for port, mode in pa.port_modes(policy).items():
            if mode == "DISABLE":
                yield Violation(
                    policy.resource,
                    join_path("spec", "portLevelMtls", port, "mode"),
                    f"port {port} is DISABLE in an ambient mesh: " + consequence(own),
                    fix=instead(context, f'portLevelMtls["{port}"].mode')
                    + (", and spec.mtls.mode to the mode of the rest" if own == pa.UNSET else ""),
                )


def instead(context: Context, path: str) -> str:
    """What to write: PERMISSIVE lets in plaintext, which a STRICT floor allows by a waiver only."""
    if context.environment.require.mtls == "STRICT":
        return f"set {path} to STRICT, or to PERMISSIVE with a waiver if plaintext is meant"
    return f"set {path} to PERMISSIVE if plaintext is meant, else to STRICT"


def consequence(own: str) -> str:
    """What becomes of a port that is DISABLE under a workload's own mode."""
    if own == pa.UNSET:
        return (
            "the policy sets no mode of its own, so where a wider one is STRICT the port is not "
            "exempted and plaintext stays refused"
        )
    return "ztunnel takes mTLS all the same, and plaintext beside it"


RULE = Rule(
    id="PA009",
    name="ambient-disable",
    severity=Severity.ERROR,
    summary="DISABLE in an ambient mesh does not do what it says.",
    fix="write PERMISSIVE where plaintext is meant",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    sharper_with=Needs.INVENTORY,
    kinds=frozenset({pa.KIND}),
    check=check,
)
