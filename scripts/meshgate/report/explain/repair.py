"""How to repair a call, by how it ends."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.effect.describe import owner
from meshgate.mesh import (
    Admission,
    DataPlane,
    Delivery,
    Endpoint,
    Mode,
    Outcome,
    Tls,
    Transport,
    Verdict,
    Workload,
)
from meshgate.mesh.calls import is_misread
from meshgate.mesh.selectors import Labels
from meshgate.report.access import deciders
from meshgate.report.explain import manifests
from meshgate.report.explain.access import admission_repairs
from meshgate.report.explain.ends import INJECT, INJECTION
from meshgate.report.explain.explanation import CallRepair, Case
from meshgate.report.explain.packets import packet_repairs
from meshgate.report.explain.rule_repair import (
    decides_for_more,
    exact_rule,
    has_own_rule,
    hidden_exceptions,
    mode_of_rule,
    mutual_rule,
    rule_namespace,
)
from meshgate.report.explain.server import mode_path

# Labels that only name one version or one rollout of a workload.
PASSING = ("pod-template-hash", "service.istio.io/", "security.istio.io/", "istio.io/", "version")

NO_RULE = (
    "No rule for this host mends it alone: bring what stands behind the port to one mode, every "
    "pod with a sidecar."
)


def repairs(case: Case) -> tuple[CallRepair, ...]:
    """The ways out, the best first; empty: there is nothing to repair."""
    distinct = dict.fromkeys(
        repair for delivery, _ in case.sorts() for repair in _repairs(case, delivery)
    )
    return tuple(distinct)


def _repairs(case: Case, delivery: Delivery) -> Iterator[CallRepair]:
    if delivery.blocking is not None:
        yield from packet_repairs(case, delivery, delivery.blocking, own_labels)
    elif delivery.alternatives:
        yield from _order(case)
    elif delivery.on_wire is not None:
        yield CallRepair(f"Look at what is not read here: {delivery.reason}.")
    elif delivery.outcome is Outcome.UNKNOWN:
        yield CallRepair(f"Tell what is missing: {delivery.reason}.")
    elif delivery.outcome is Outcome.NO_ENDPOINT:
        yield CallRepair("Bring a ready workload behind the service, or its inventory up to date.")
    elif delivery.outcome is Outcome.NO_CLUSTER:
        yield from _without_cluster(case)
    elif delivery.outcome is Outcome.DENIED and delivery.admission is not None:
        yield from _not_let_in(case, delivery, delivery.admission)
    elif delivery.verdict is Verdict.BROKEN:
        yield from _broken(case, delivery)
    elif delivery.outcome is Outcome.OK_PLAINTEXT and delivery.mode is not None:
        yield from _plaintext(case, "To encrypt it")


def _not_let_in(case: Case, delivery: Delivery, admission: Admission) -> Iterator[CallRepair]:
    """Policies deny every request; a client without identity gets one first."""
    if admission.connection.identity is None and delivery.mode is not None:
        yield from _plaintext(case, "To have an identity that policies can name")
    workload = delivery.endpoint.workload if delivery.endpoint is not None else None
    labels = own_labels(workload) if workload is not None else {}
    yield from admission_repairs(case, delivery, labels)


def own_labels(workload: Workload) -> Labels:
    """The labels that select a workload, whatever its version."""
    return {key: value for key, value in workload.labels.items() if not key.startswith(PASSING)}


def _without_cluster(case: Case) -> Iterator[CallRepair]:
    """Give the client's proxy the subset, or the service, that a route names."""
    policy = case.policy
    if policy.subset is None or policy.discovery is None:
        why = policy.reason or "its proxy does not know the host"
        yield CallRepair(
            f"Let the client's proxy see the service, or route to one that it has: {why}."
        )
        return
    defining = [
        step.rule
        for step in case.why.lookup
        if any(each.get("name") == policy.subset for each in step.rule.spec.get("subsets") or ())
    ]
    home = case.service.namespace
    for rule in defining:
        yield CallRepair(
            f"Move {owner(rule)}, which defines subset {policy.subset}, to namespace {home}, or "
            "define the subset in the rule that this client gets."
        )
    if not defining:
        yield CallRepair(
            f"Define subset {policy.subset} in a DestinationRule for {case.service.host} in "
            f"namespace {home}."
        )


def _order(case: Case) -> Iterator[CallRepair]:
    rules = {owner(rule) for answer in case.policy.alternatives for rule in answer.rules}
    if len(rules) > 1:
        yield CallRepair(
            f"Make one rule of {', '.join(sorted(rules))}: then no order of creation matters."
        )
    else:
        yield CallRepair("Keep one of the competing PeerAuthentications: then no order matters.")


def _broken(case: Case, delivery: Delivery) -> Iterator[CallRepair]:
    if is_misread(delivery, case.port):
        yield CallRepair(
            "Declare one protocol in all Services that lead to the port: by the oldest of them the "
            "sidecar takes HTTP there, and no mode of a rule or policy mends that."
        )
    elif delivery.transport is Transport.PLAINTEXT:
        yield from _plaintext(case, "")
        encrypted = delivery._replace(transport=Transport.MTLS, outcome=Outcome.OK_MTLS)
        yield from _denied_then(case, encrypted)
        if case.client.plane is DataPlane.NONE and delivery.endpoint is not None:
            yield from _open(case, delivery, delivery.endpoint)
    elif delivery.transport is Transport.MTLS:
        yield from _not_terminated(case, delivery)
    else:
        rule, path = mode_of_rule(case)
        text = "a sidecar terminates mesh mTLS, and no other TLS"
        if not _all_take_mtls(case):
            yield CallRepair(NO_RULE)
        elif decides_for_more(case):
            yield mutual_rule(
                case, f"Say mesh mTLS for this host, where the client looks first: {text}."
            )
        elif rule is not None:
            yield CallRepair(f"Set {path} of {owner(rule)} to ISTIO_MUTUAL: {text}.")


def _plaintext(case: Case, purpose: str) -> Iterator[CallRepair]:
    """Make the client send mesh mTLS."""
    end = case.policy.deliveries[0].endpoint if case.policy.deliveries else None
    server = end.workload if end is not None else None
    if server is not None and server.plane is DataPlane.AMBIENT and case.client.is_proxied:
        yield CallRepair(
            "Nothing in policies encrypts it: towards ztunnel a sidecar sends mesh mTLS through "
            "HBONE only, and not where it calls the pods by their own addresses. Give namespace "
            f"{case.client.namespace} ambient mode, or call a Service with a cluster address."
        )
        if end is not None and not purpose:
            yield from _open(case, case.policy.deliveries[0], end)
        return
    lead = f"{purpose}: " if purpose else ""
    client, policy = case.client, case.policy
    rule, path = mode_of_rule(case)
    if client.plane is DataPlane.NONE:
        where = (
            f'take {INJECT}: "false" off its pods'
            if client.labels.get(INJECT) == "false"
            else f"label namespace {client.namespace} {INJECTION}: enabled, and restart its pods"
        )
        yield CallRepair(_sentence(f"{lead}give {client} a sidecar: {where}."))
    elif policy.discovery is None:
        yield CallRepair(_sentence(f"{lead}let the client's proxy take the call: {policy.reason}."))
    elif policy.dropped and rule is not None:
        name = owner(rule)
        yield CallRepair(
            _sentence(f"{lead}give {name} a workloadSelector, or the mode ISTIO_MUTUAL.")
        )
    elif server is not None and server.plane is DataPlane.GATEWAY:
        yield from _at_gateway(case, case.policy.deliveries[0], server)
    elif not _all_take_mtls(case):
        yield CallRepair(NO_RULE)
    elif policy.tls is Tls.DISABLE and rule is not None and not decides_for_more(case):
        yield CallRepair(
            _sentence(
                f"{lead}set {path} of {owner(rule)} to ISTIO_MUTUAL, or delete its tls: "
                "then auto mTLS decides."
            )
        )
    elif rule is not None and not decides_for_more(case):
        yield CallRepair(_sentence(f"{lead}set {path} of {owner(rule)} to ISTIO_MUTUAL."))
    else:
        text = _sentence(f"{lead}say mesh mTLS for this host, where the client looks first.")
        yield mutual_rule(case, text)


def _are_alike(case: Case) -> bool:
    """Whether a sidecar stands before all servers behind the port, or before none."""
    return len({_has_sidecar(each) for each in case.policy.deliveries}) == 1


def _has_sidecar(delivery: Delivery) -> bool:
    workload = delivery.endpoint.workload if delivery.endpoint is not None else None
    return workload is not None and workload.has_sidecar


def _all_take_mtls(case: Case) -> bool:
    """Whether every server behind the port takes mesh mTLS."""
    mesh = case.view.mesh
    for delivery in case.policy.deliveries:
        workload = delivery.endpoint.workload if delivery.endpoint is not None else None
        if delivery.endpoint is None or workload is None or not workload.has_sidecar:
            return False
        mode = mesh.mode_at(workload, delivery.endpoint.port)
        if not mode.captured or mode.mode is Mode.DISABLE:
            return False
    return True


def _denied_then(case: Case, sent: Delivery) -> Iterator[CallRepair]:
    """What else is needed where policies deny what arrives once the transport is mended."""
    judged = case.view.mesh.admissions.judged(sent, case.client, case.port.protocol)
    workload = sent.endpoint.workload if sent.endpoint is not None else None
    if judged.outcome is Outcome.DENIED and workload is not None:
        for repair in admission_repairs(case, judged, own_labels(workload)):
            text = repair.text[:1].lower() + repair.text[1:]
            yield repair._replace(text=f"With that alone policies deny it: {text}")


def _open(case: Case, delivery: Delivery, end: Endpoint) -> Iterator[CallRepair]:
    """Let plaintext in at one port: the last resort."""
    workload = end.workload
    if workload is None:
        return
    plain = delivery._replace(outcome=Outcome.OK_PLAINTEXT)
    judged = case.view.mesh.admissions.judged(plain, case.client, case.port.protocol)
    if judged.outcome is Outcome.DENIED and judged.admission is not None:
        yield CallRepair(
            f"To open port {end.port} of {workload} to plaintext does not help: by "
            f"{deciders(judged.admission)} nobody gets in without an identity."
        )
        return
    text = f"Or, if it must stay outside the mesh, open port {end.port} of {workload} alone"
    policies = case.view.mesh.peer_policies.selecting(workload.namespace, workload.labels)
    if policies:
        names = " or ".join(owner(policy.resource) for policy in policies)
        yield CallRepair(
            f"{text}: set portLevelMtls.{end.port}.mode in {names} to PERMISSIVE. Of several "
            "policies that select a workload only the oldest counts: add no second one."
        )
    else:
        labels = own_labels(workload)
        name = f"{workload.name}-{end.port}"
        yield CallRepair(
            f"{text}.", manifests.open_port(name, workload.namespace, labels, end.port)
        )
    yield CallRepair(
        "Or leave it: to turn away whoever brings no certificate is what STRICT is for."
    )


def _not_terminated(case: Case, delivery: Delivery) -> Iterator[CallRepair]:
    """Mesh mTLS meets something that does not speak it."""
    end = delivery.endpoint
    workload = end.workload if end is not None else None
    rule, path = mode_of_rule(case)
    if workload is not None and workload.plane is DataPlane.GATEWAY:
        yield from _at_gateway(case, delivery, workload)
        return
    is_held = workload is not None and end is not None and workload.has_sidecar
    if is_held and workload is not None and end is not None and not workload.captures(end.port):
        yield from _raw(case, workload, end.port)
        return
    if not _are_alike(case):
        yield CallRepair(NO_RULE)
        return
    if delivery.mode is Mode.DISABLE and end is not None and workload is not None:
        yield from _at_closed_sidecar(case, workload, end.port)
        return
    text = "Tell the client to send plaintext to this host, which has no sidecar"
    for other in hidden_exceptions(case):
        hides = f"it hides {owner(other)}, the exception for this very host"
        if rule is not None:
            yield CallRepair(f"Delete {owner(rule)}, or narrow its host: {hides}.")
    if rule is not None and case.policy.rule_host == case.service.host:
        yield CallRepair(f"Set {path} of {owner(rule)} to DISABLE.")
    else:
        yield CallRepair(
            f"{text}: the exact host wins over the wildcard of the same namespace.",
            exact_rule(case, "DISABLE"),
        )


def _at_closed_sidecar(case: Case, workload: Workload, port: int) -> Iterator[CallRepair]:
    """The sidecar is told to take plaintext only."""
    level, policy = case.view.mesh.mode_at(workload, port).decided_by
    if policy is not None:
        where = f"{mode_path(level, port)} of {owner(policy)}"
        yield CallRepair(
            f"Set {where} to STRICT once no client sends it plaintext: the sidecar is there to "
            "take it."
        )
    rule, _ = mode_of_rule(case)
    service, number = case.service, case.port.number
    if rule is not None and not decides_for_more(case):
        yield CallRepair(
            f"Or add an entry for port {number} with tls mode DISABLE to "
            f"spec.trafficPolicy.portLevelSettings of {owner(rule)}, with a waiver for DR001."
        )
    elif not has_own_rule(case):
        yield CallRepair(
            "Or tell the client to send plaintext to this one port, with a waiver for DR001.",
            manifests.plaintext_port(service.name, rule_namespace(case), service.host, number),
        )


def _at_gateway(case: Case, delivery: Delivery, workload: Workload) -> Iterator[CallRepair]:
    """No filter chain of a gateway answers what the client asks for."""
    name = delivery.name or case.service.host
    names = sorted(
        {
            host
            for chain in case.view.mesh.gateway_chains(workload)
            if chain.mode == Tls.ISTIO_MUTUAL
            for host in (chain.names or ("any host",))
        }
    )
    rule, path = mode_of_rule(case)
    if rule is not None and names:
        where = path.removesuffix(".mode")
        mode = "" if delivery.transport is Transport.MTLS else f"{where}.mode to ISTIO_MUTUAL and "
        yield CallRepair(
            f"In {owner(rule)} set {mode}{where}.sni to a host of the Gateway "
            f"({', '.join(names)}): {workload} has no filter chain for {name}, which the client "
            "asks for."
        )
    else:
        yield CallRepair(
            f"Add a server with tls mode ISTIO_MUTUAL for this port to a Gateway of {workload}."
        )


def _raw(case: Case, workload: Workload, port: int) -> Iterator[CallRepair]:
    """A port that annotations keep from the sidecar takes what the application takes."""
    service, number = case.service, case.port.number
    text = (
        f"Tell the client to send plaintext to port {number} alone: the sidecar of {workload} does "
        f"not capture port {port}, and auto mTLS does not look at that"
    )
    rule, _ = mode_of_rule(case)
    if rule is not None and case.policy.rule_host == service.host:
        yield CallRepair(
            f"{text}. Add an entry for port {number} with tls mode DISABLE to "
            f"spec.trafficPolicy.portLevelSettings of {owner(rule)}."
        )
    else:
        yield CallRepair(
            f"{text}.", manifests.raw_port(service.name, rule_namespace(case), service.host, number)
        )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
