"""A policy goes by the address of the client where the client writes that address itself.

What it checks
    `remoteIpBlocks`, their `not` form and a `when` on `remote.ip` of enforced policies, at
    workloads with a sidecar whose ports may speak HTTP. There the address is the last one of the
    header `X-Forwarded-For`, of any caller: a sidecar trusts no hop more than another. Only
    gateways put the address of the connection there.

    ```yaml
    rules:
      - from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]
    # X-Forwarded-For: 10.0.0.1
    ```

Why it matters
    Everybody who reaches the workload past the gateway writes the address that the policy wants.

How to fix
    Judge addresses at the gateway, and at the workload the identity of the gateway. `ipBlocks` are
    the address of the connection, which nobody chooses.

Known gaps
    Whether callers reach the workload past the gateway is for other policies to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Workload
from meshgate.mesh.authorization.attributes import Chain
from meshgate.mesh.authorization.policy_values import policy_values
from meshgate.model import Severity
from meshgate.rules import policy_places
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

FIX = "judge addresses at the gateway, and here the gateway's identity; or ask for ipBlocks"


def check(context: Context) -> Iterator[Violation]:
    places = policy_places.of(context)
    if places is None:
        return
    for policy in policy_places.enforced(context):
        asked = [value for value in policy_values(policy) if value.key == "remote.ip"]
        if not asked:
            continue
        open_: dict[str, Workload] = {
            str(workload): workload
            for workload, port in places.ports(policy)
            if workload.plane is DataPlane.SIDECAR and Chain.HTTP in places.chains(workload, port)
        }
        reported: set[int] = set()
        for value in asked:
            if not open_ or value.rule in reported:
                continue
            reported.add(value.rule)
            yield Violation(
                policy.resource,
                value.path,
                f"callers of {listed(open_)} choose the address that `{value.name}` compares: a "
                "sidecar takes the last one of X-Forwarded-For as they send it",
                related=tuple(
                    RelatedResource(each.resource, "trusts the header of any caller")
                    for each in list(open_.values())[:3]
                ),
            )


RULE = Rule(
    id="AZ012",
    name="caller-chosen-address",
    severity=Severity.WARNING,
    summary="A policy at a sidecar goes by an address that callers choose by a header.",
    fix=FIX,
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset({"AuthorizationPolicy"}),
    check=check,
)
