"""What the client puts on the wire, and which line of which rule says so."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.describe import owner
from meshgate.mesh import DataPlane, Discovery, Mode, Outcome, Tls, Transport
from meshgate.model import value_at
from meshgate.report.explain.explanation import Case, Chapter, Statement

WORDS = {
    Transport.PLAINTEXT: "plaintext",
    Transport.MTLS: "mesh mTLS, with the workload's own certificate",
    Transport.TLS: "TLS without a client certificate",
    Transport.MTLS_USER: "TLS with a certificate of the rule's own",
}
MEANINGS = {
    Tls.DISABLE: "TLS is off, whoever listens",
    Tls.ISTIO_MUTUAL: "mesh mTLS, whoever listens",
    Tls.SIMPLE: "TLS without a client certificate, whoever listens",
    Tls.MUTUAL: "TLS with the rule's own certificate, whoever listens",
}


def what_is_sent(case: Case) -> Chapter:
    """What the rule says, or what auto mTLS makes of its silence."""
    return Chapter("What is sent", tuple(_sent(case)))


def _sent(case: Case) -> Iterator[Statement]:
    policy = case.policy
    if policy.discovery is Discovery.NO_CLUSTER or (policy.discovery is None and led_nowhere(case)):
        lost = f"no rule that this client gets defines subset {policy.subset}"
        yield Statement(f"Nothing: {policy.reason or lost}.", mark="decides")
        return
    if case.client.plane in {DataPlane.SIDECAR, DataPlane.GATEWAY} and policy.discovery is not None:
        yield from _decided(case)
    for delivery, alike in case.sorts():
        ends = [
            f"{end.workload or end.address}:{end.port}" for each in alike if (end := each.endpoint)
        ]
        to = f"To {', '.join(ends)}: " if ends else ""
        if delivery.alternatives:
            transports = " or ".join(
                dict.fromkeys(str(each.transport) for each in delivery.alternatives)
            )
            yield Statement(f"{to}{transports}, by the order in which the objects were created.")
        elif delivery.transport is None:
            yield Statement(f"{to}not known: {delivery.reason or delivery.outcome}.")
        else:
            yield Statement(f"{to}{WORDS[delivery.transport]}.")


def led_nowhere(case: Case) -> bool:
    """Whether the client's proxy answers by itself, since nothing is where it is led."""
    return all(each.outcome is Outcome.NO_CLUSTER for each in case.policy.deliveries)


def _decided(case: Case) -> Iterator[Statement]:
    policy = case.policy
    if policy.alternatives:
        yield Statement(f"Not known: {policy.reason}. Each order gives another answer:")
        for answer in policy.alternatives:
            rules = " + ".join(map(owner, answer.rules)) or "no rule"
            yield Statement(f"   {rules}: tls.mode {answer.tls}.")
    elif policy.tls is Tls.NONE:
        yield from _auto(case)
    else:
        yield from _stated(case)
        if policy.dropped:
            yield Statement(
                "But it names a secret (credentialName) and has no workloadSelector: a sidecar "
                "drops this TLS and sends plaintext."
            )


def _stated(case: Case) -> Iterator[Statement]:
    """The line of a rule that states the mode."""
    policy, source = case.policy, case.why.tls
    if source is None:
        yield Statement(f"The rule says {policy.tls}: {MEANINGS[policy.tls]}.", mark="decides")
        return
    rule, path = source.rule, f"{source.path}.mode"
    if value_at(rule.value, path) is None:
        statement = f"{owner(rule)} has {source.path} without mode, which is read as {policy.tls}"
        place = case.view.locate(rule, source.path)
    else:
        statement = f"{owner(rule)} says {path}: {policy.tls}"
        place = case.view.locate(rule, path)
    yield Statement(f"{statement}: {MEANINGS[policy.tls]}.", place, "decides")


def _auto(case: Case) -> Iterator[Statement]:
    policy, facts = case.policy, case.view.mesh.facts
    source = case.why.tls
    if source is not None and "portLevelSettings" in source.path:
        yield Statement(
            f"{owner(source.rule)} has an entry for port {case.port.number} without tls, which "
            "replaces the whole top-level policy.",
            case.view.locate(source.rule, source.path.removesuffix(".tls")),
        )
    silent = "No rule sets TLS for this port"
    if policy.auto:
        yield Statement(
            f"{silent}, so auto mTLS decides for each endpoint: mesh mTLS where a sidecar listens "
            "on a port that takes it, plaintext elsewhere."
        )
    elif not facts.enable_auto_mtls:
        yield Statement(f"{silent}, and auto mTLS is off in this mesh: plaintext.")
    elif case.service.external:
        yield Statement(f"{silent}, and the service is outside the mesh: plaintext.")
    elif policy.discovery is Discovery.ORIGINAL_DST:
        yield Statement(
            f"{silent}, and the client calls the endpoints by their own addresses, where auto mTLS "
            "sends plaintext to all if one has no sidecar, or if the namespace's mode is DISABLE."
        )
    else:
        yield Statement(
            f"{silent}, and the mode of namespace {case.service.namespace} is {Mode.DISABLE}: auto "
            "mTLS looks at the namespace, not at single workloads, and sends plaintext."
        )
