"""A port that lets in what the environment keeps out.

What it checks
    Each entry of `portLevelMtls` in a workload-specific PeerAuthentication, for a mode weaker than
    the floor (`require.mtls`).

    ```yaml
    spec:
      selector: {matchLabels: {app: boards}}
      mtls: {mode: STRICT}
      portLevelMtls:
        "8080": {mode: DISABLE}   # open, whatever stands above
    ```

Why it matters
    The port's own mode wins over the workload's, the namespace's and the mesh's. The key is the
    port of the container, so the hole is there for every Service in front of it and for whoever
    calls the pod by its address.

How to fix
    Remove the entry, or set it to the floor. A port that really must stay open (a webhook, a scrape
    from outside the mesh) gets a waiver with an owner and an expiry date, for exactly that path.

Known gaps
    An entry without a mode, or UNSET, takes the workload's mode: PA001 judges that. Entries in a
    policy without labels in its selector are refused by the API server and ignored by istiod. In
    ambient, DISABLE counts as PERMISSIVE; PA009 tells why it should not be there at all.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from meshgate.mesh.peer_authentication import PeerPolicy
from meshgate.mesh.selectors import matches
from meshgate.model import Severity, join_path
from meshgate.rules import peer_authentication as pa
from meshgate.rules.context import Context
from meshgate.rules.kubernetes_calls import WEBHOOKS, kubernetes_calls
from meshgate.rules.rule import Needs, Phase, Rule, SharedCause, Violation
from meshgate.rules.wording import listed


def check(context: Context) -> Iterator[Violation]:
    reported: set[int] = set()
    for plane in pa.by_control_plane(context):
        for scope, policies in plane.deciding.items():
            for policy in policies if scope.labels else ():
                if id(policy.resource) not in reported:
                    reported.add(id(policy.resource))
                    yield from open_ports(context, plane, scope, policy)


def open_ports(
    context: Context, plane: pa.ControlPlanePolicies, scope: pa.PolicyScope, policy: PeerPolicy
) -> Iterator[Violation]:
    """The entries of one policy that are weaker than the floor."""
    floor, ambient = context.environment.require.mtls, pa.is_ambient(context, scope)
    own = pa.own_mode(policy)
    without = plane.inherited(scope) if own == pa.UNSET else [own]
    falls_back = not any(pa.is_weaker(each, floor) for each in without)
    for port, mode in pa.port_modes(policy).items():
        effective = pa.effective(mode, ambient=ambient)
        if mode != pa.UNSET and pa.is_weaker(effective, floor):
            yield Violation(
                policy.resource,
                join_path("spec", "portLevelMtls", port, "mode"),
                f"port {port} of {scope} is {mode}, weaker than the floor {floor}: "
                f"it {pa.ACCEPTS[effective]}, whatever wider policies say",
                fix=(repair := fix(context, policy, int(port), falls_back=falls_back)),
                group=SharedCause(
                    f"{policy.resource.ref} {repair.startswith('set ')}",
                    port,
                    functools.partial(several, scope, floor),
                    f"set their modes to {floor}{pa.once(floor)}",
                )
                if repair.startswith("set ")
                else None,
            )


def several(scope: pa.PolicyScope, floor: str, ports: Sequence[str]) -> str:
    """The message on several open ports of one policy."""
    return (
        f"{len(ports)} ports of {scope} are weaker than the floor {floor}, whatever wider policies "
        f"say: {listed(ports)}"
    )


def fix(context: Context, policy: PeerPolicy, port: int, *, falls_back: bool) -> str:
    """The one repair: STRICT would shut out Kubernetes where it calls the port (PA013)."""
    mesh, floor = context.mesh, context.environment.require.mtls
    call = next(
        (
            each
            for each in (kubernetes_calls(mesh, context.resources) if mesh else ())
            if each.port == port
            and each.workload.namespace == policy.namespace
            and matches(policy.selector, each.workload.labels)
        ),
        None,
    )
    close = f'set portLevelMtls["{port}"].mode to {floor}{pa.once(floor)}'
    if falls_back:
        close += ", or remove the entry"
    if call is None:
        return close
    if call.is_probe:
        return f"turn probe rewriting on for {call.workload} ({call.why}), then {close}"
    return (
        f"keep the entry and waive this finding: the port takes calls without a certificate of "
        f"the mesh ({call.why}), and {floor} would refuse them"
    )


RULE = Rule(
    id="PA002",
    name="plaintext-port",
    severity=Severity.ERROR,
    summary="An entry of portLevelMtls is weaker than the floor.",
    fix="remove the entry, or set its mode to the floor of the environment",
    phase=Phase.STATE,
    needs=Needs.FACTS,
    kinds=frozenset({pa.KIND, *WEBHOOKS}),
    check=check,
)
