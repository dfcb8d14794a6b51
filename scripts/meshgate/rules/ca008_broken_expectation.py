"""An expectation does not hold.

What it checks
    Each entry of `expectations/<environment>.yaml`: the call from this workload to that host and
    port must end as written, at every endpoint. Routes count: where a VirtualService takes requests
    to a subset, that is where they end; a call that is led to another host, or answered by the
    client's own proxy, is not the call that was expected.

    ```yaml
    expectations:
      - from: boards/app-ui
        to: boards.boards.svc.cluster.local:8080
        outcome: ok-mtls
    ```

    With `method`, `path` or `headers` an expectation is about that one request; without, about
    every request: where policies of authorization treat requests differently, the finding names
    one that ends otherwise than expected.

Why it matters
    Expectations are the tests of a policy repository: what the application needs, and what must
    stay shut. A change that breaks one changes what people rely on.

How to fix
    `meshgate explain FROM TO:PORT --env ENV` tells which policies decide. Repair them, or change
    the expectation in the same pull request so that a reviewer sees it.

Known gaps
    Policies see a request as it arrives. Where a VirtualService rewrites it, or its headers, on the
    way, and only some requests get in, an expectation of one request is undecided.
    A client or host that the inventory does not have is a finding too: an expectation that is never
    tried holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshgate.effect.describe import request
from meshgate.mesh import (
    Admission,
    Allows,
    ClientPolicy,
    DataPlane,
    Delivery,
    Mesh,
    Outcome,
    Request,
    Workload,
)
from meshgate.mesh.authorization import RequestJudgement
from meshgate.mesh.requests import Target
from meshgate.mesh.virtual_services import Destination
from meshgate.model import Expectation, Resource, Severity
from meshgate.rules.causes import DECIDES
from meshgate.rules.context import Context
from meshgate.rules.rule import Needs, Phase, RelatedResource, Rule, Violation
from meshgate.rules.wording import listed

BY_PROXY = "an answer of its own proxy"
TRACE = "`meshgate explain {0} {1}:{2} --env {3}` tells which policies decide"


def check(context: Context) -> Iterator[Violation]:
    for expectation in context.environment.expectations:
        result = broken(context.mesh, expectation)
        if result is None:
            continue
        message, related, decided = result
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
            about=expectation.host,
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
    routed = targets(mesh, client, policy)
    deliveries = [
        delivery for target in routed for delivery in target.deliveries
    ] or policy.deliveries
    rewriting = mesh.rewriting(policy.service) if expectation.is_of_one_request else None
    ends_ = [end_of(delivery, expectation, rewriting) for delivery in deliveries]
    outcomes = {end.outcome for end in ends_}
    elsewhere = led_away(policy, routed)
    authorized = Outcome.DENIED in {*outcomes, Outcome(expectation.outcome)}
    if elsewhere:
        message = f"{call} is led to {listed(elsewhere)}, expected {expectation.outcome}"
        return f"{message} at the host that is named", deciding(mesh, policy), True
    if outcomes == {Outcome(expectation.outcome)}:
        return None
    ends = listed(sorted(outcome.value for outcome in outcomes))
    ends += next((f" ({end.request})" for end in ends_ if end.request), "")
    decided = policy.decided and Outcome.UNKNOWN not in outcomes
    unknown = next((end.reason for end in ends_ if end.reason), "")
    why = "" if decided else f" ({policy.reason or first_reason(policy) or unknown})"
    return (
        f"{call} ends in {ends}{why}, expected {expectation.outcome}",
        (*(admitting(deliveries) if authorized else ()), *deciding(mesh, policy)),
        decided,
    )


def admitting(deliveries: Sequence[Delivery]) -> tuple[RelatedResource, ...]:
    """The policies that decide who gets in at the servers."""
    applied = [
        each.resource
        for delivery in deliveries
        if (admission := delivery.admission) is not None
        for each in admission.authorization.applied(admission.server).policies
    ]
    unique = {id(each): each for each in applied}
    return tuple(RelatedResource(each, DECIDES) for each in unique.values())


class CallEnd(Struct, frozen=True):
    """How a call ends at an endpoint, and the request that ends so where others do not."""

    outcome: Outcome
    request: str = ""
    # Why it is not known.
    reason: str = ""


def end_of(
    delivery: Delivery, expectation: Expectation, rewriting: Resource | None = None
) -> CallEnd:
    """How a delivery ends for the request that is expected; without one, for the worst.

    Where policies let only some requests in, one that ends otherwise than expected is named.
    `rewriting`: a VirtualService by which that request arrives as another one.
    """
    admission = delivery.admission
    if admission is None:
        return CallEnd(delivery.outcome)
    if rewriting is not None and admission.allows not in {Allows.ALL, Allows.NONE}:
        reason = f"{rewriting.ref} rewrites requests on the way, and policies see what arrives"
        return CallEnd(Outcome.UNKNOWN, reason=reason)
    if expectation.is_of_one_request and (
        not admission.reason or (admission.is_of_authorizer and delivery.is_only_admitted)
    ):
        return CallEnd(_of_one_request(delivery, admission, expectation))
    decision = admission.decision
    if admission.reason or admission.allows is not Allows.SOME:
        return CallEnd(delivery.outcome)
    is_shut = expectation.outcome == Outcome.DENIED
    witness = decision.permitted if is_shut else decision.denied
    if witness is None:
        # Nothing is denied for certain: an authorizer decides on the rest.
        return CallEnd(Outcome.UNKNOWN)
    example = request(witness.request) if witness.request is not None else ""
    return CallEnd(delivery.outcome if is_shut else Outcome.DENIED, example)


def _of_one_request(delivery: Delivery, admission: Admission, expectation: Expectation) -> Outcome:
    """How a delivery ends for the request that is expected, also where others are not known."""
    judged = {
        admission.authorization.judge(admission.server, admission.connection, each).judgement
        for each in requests_of(expectation)
    }
    if judged <= _DENIALS:
        return Outcome.DENIED
    if judged != {RequestJudgement.ALLOW}:
        return Outcome.UNKNOWN
    if delivery.outcome is Outcome.DENIED:
        return Outcome.OK_MTLS if admission.connection.identity else Outcome.OK_PLAINTEXT
    return delivery.by_transport if admission.reason else delivery.outcome


_DENIALS = frozenset({RequestJudgement.DENY, RequestJudgement.UNAUTHENTICATED})


def requests_of(expectation: Expectation) -> Iterator[Request]:
    """The request that is expected; clients send the port with the host, or do not."""
    headers = {name.lower(): value for name, value in expectation.headers.items()}
    for host in (expectation.host, expectation.to):
        method, path = expectation.method or "GET", expectation.path or "/"
        yield Request(method, path, headers.get("host", host), headers)


def targets(mesh: Mesh, client: Workload, policy: ClientPolicy) -> list[Target]:
    """Where VirtualServices take the call; empty: nowhere but to the service itself."""
    own = mesh.clients.class_of(client)
    host, port = policy.service.host, policy.port.number
    if own is None or policy.discovery is None:
        return []
    destinations = mesh.requests.destinations(own, host, port)
    if destinations == {Destination(host, port, None)}:
        return []
    return [mesh.requests.target(own, each) for each in sorted(destinations, key=str)]


def led_away(policy: ClientPolicy, routed: list[Target]) -> list[str]:
    """The other hosts that a call is led to; a gateway on the way out of the mesh is none."""
    return [
        f"{each.destination.host}:{each.destination.port}" if each.destination.host else BY_PROXY
        for each in routed
        if each.destination.host != policy.service.host
        and not (policy.service.external and is_gateway(each))
        and not all(delivery.outcome is Outcome.NO_CLUSTER for delivery in each.deliveries)
    ]


def is_gateway(target: Target) -> bool:
    """Whether a gateway stands there."""
    ends = [each.endpoint for each in target.deliveries]
    return any(
        end is not None and end.workload is not None and end.workload.plane is DataPlane.GATEWAY
        for end in ends
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
