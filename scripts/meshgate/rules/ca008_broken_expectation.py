"""An expectation does not hold.

What it checks
    Each entry of `expectations/<environment>.yaml`: the call from this workload to that host and
    port must end as written, at every endpoint.

    ```yaml
    expectations:
      - from: boards/app-ui
        to: boards.boards.svc.cluster.local:8080
        outcome: ok-mtls
    ```

Why it matters
    Expectations are the tests of a policy repository: what the application needs, and what must
    stay shut. A change that breaks one changes what people rely on.

How to fix
    `meshgate explain FROM TO:PORT --env ENV` tells which policies decide. Repair them, or change
    the expectation in the same pull request so that a reviewer sees it.

Known gaps
    A client or host that the inventory does not have is a finding too: an expectation that is never
    tried holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import ClientPolicy, Mesh, Outcome
from meshgate.model import Expectation, Severity
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

TRACE = "`meshgate explain {0} {1}:{2} --env {3}` tells which policies decide"


def check(context: Context) -> Iterator[Violation]:
    for expectation in context.environment.expectations:
        told = broken(context.mesh, expectation)
        if told is None:
            continue
        message, related, decided = told
        name = context.environment.name
        yield Violation(
            None,
            "",
            message,
            fix=TRACE.format(expectation.client, expectation.host, expectation.port, name),
            related=related,
            decided=decided,
            source=expectation.source,
            key=f"{expectation.client} {expectation.host}:{expectation.port}",
        )


def broken(
    mesh: Mesh | None, expectation: Expectation
) -> tuple[str, tuple[RelatedResource, ...], bool] | None:
    """What is wrong, the objects that decide, and whether it is certain; None: it holds."""
    call = f"{expectation.client} to {expectation.host}:{expectation.port}"
    if mesh is None:
        return f"{call} cannot be judged: there is no inventory", (), False
    namespace, _, name = expectation.client.partition("/")
    try:
        client = mesh.workload(namespace, name)
        policy = mesh.client_policy(client, expectation.host, expectation.port)
    except LookupError as error:
        return f"{call} cannot be tried: {error.args[0]}", (), True
    outcomes = {delivery.outcome for delivery in policy.deliveries}
    if outcomes == {Outcome(expectation.outcome)}:
        return None
    ends = listed(sorted(outcome.value for outcome in outcomes))
    decided = policy.decided and Outcome.UNKNOWN not in outcomes
    why = "" if decided else f" ({policy.reason or first_reason(policy)})"
    return (
        f"{call} ends in {ends}{why}, expected {expectation.outcome}",
        deciding(mesh, policy),
        decided,
    )


def first_reason(policy: ClientPolicy) -> str:
    """Why an outcome is unknown."""
    return next((delivery.reason for delivery in policy.deliveries if delivery.reason), "")


def deciding(mesh: Mesh, policy: ClientPolicy) -> tuple[RelatedResource, ...]:
    """The policies of both ends."""
    related = [RelatedResource(rule, "decides what is sent") for rule in policy.rules]
    for delivery in policy.deliveries:
        endpoint = delivery.endpoint
        if endpoint is not None and endpoint.workload is not None:
            taken = mesh.mode_at(endpoint.workload, endpoint.port).decided_by.policy
            if taken is not None:
                related.append(RelatedResource(taken, "decides what the server takes"))
    return tuple({id(each.resource): each for each in related}.values())


RULE = Rule(
    id="CA008",
    name="broken-expectation",
    severity=Severity.ERROR,
    summary="A call does not end as expectations/<environment>.yaml says.",
    fix="`meshgate explain` tells which policies decide; repair them or the expectation",
    phase=Phase.STATE,
    needs=Needs.INVENTORY,
    kinds=frozenset(),
    check=check,
)
