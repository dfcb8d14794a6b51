"""Edits that mend a call for its transport, and do not break another one.

The texts have one form each, by which the tests apply them: `tests/support/stated_repairs.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.mesh import DataPlane, Endpoint, Mesh, Mode, hosts
from meshgate.mesh.policy import meaning
from meshgate.mesh.terms import Tls
from meshgate.model import Resource
from meshgate.rules import peer_authentication as pa
from meshgate.rules.broken_calls import Broken

# What keeps an edit from being right for whoever else it reaches.
CAUTION = " (`meshgate diff` tells which calls change)"


def repaired_by_rule(mesh: Mesh, broken: Broken, mode: Tls) -> str:
    """The DestinationRule that makes these clients send what the port takes; empty: none can.

    None can where servers behind the port take different things, and none is reported where several
    rules are merged or an order of creation decides.
    """
    policy = broken.call.policy
    is_open = policy is None or broken.open_order or len(policy.rules) > 1 or policy.alternatives
    if policy is None or is_open:
        return ""
    if not all(takes(mesh, endpoint, mode) for endpoint in _endpoints(broken)):
        return ""
    rule = policy.rules[0] if policy.rules else None
    if rule is None:
        return _new_rule(_where_they_look(broken), broken, mode, Tls.NONE)
    if not hosts.is_wildcard(policy.rule_host):
        return _in_rule(rule, broken, mode)
    return _beside_wildcard(rule, broken, mode)


def _beside_wildcard(rule: Resource, broken: Broken, mode: Tls) -> str:
    """The exact rule that wins over a wildcard; empty where it would change something else."""
    choice = next((each for each in broken.call.choices if each.entry is not None), None)
    if choice is None or broken.call.subset or rule.spec.get("workloadSelector"):
        return ""
    others = {
        meaning(choice.entry, port.number, None).tls
        for port in broken.call.service.ports
        if port.number != broken.call.port.number
    }
    if len(others) > 1:
        return ""
    return _new_rule(rule.namespace or "default", broken, mode, next(iter(others), Tls.NONE))


def takes(mesh: Mesh, endpoint: Endpoint, mode: Tls) -> bool:
    """Whether an endpoint certainly takes what a rule with this mode sends."""
    workload = endpoint.workload
    encrypted = mode is Tls.ISTIO_MUTUAL
    if workload is None:
        return endpoint.mtls is encrypted
    if workload.plane is DataPlane.NONE:
        return not encrypted
    if workload.plane is not DataPlane.SIDECAR:
        return False
    server_mode = mesh.mode_at(workload, endpoint.port)
    if not server_mode.captured:
        return not encrypted
    refusing = Mode.DISABLE if encrypted else Mode.STRICT
    modes = {server_mode.mode, *(each.mode for each in server_mode.alternatives)}
    return server_mode.decided and None not in modes and refusing not in modes


def repaired_by_server(broken: Broken, floor: str) -> str:
    """The mode with which the server takes mutual TLS; empty: no policy closes it to that."""
    policy = broken.policy
    if policy is None or policy.foreign or broken.open_order or not broken.is_captured:
        return ""
    endpoint = broken.delivery.endpoint
    path = pa.port_path(policy, endpoint.port if endpoint else None)
    caution = "" if "portLevelMtls" in path else CAUTION
    if floor == Mode.STRICT:
        return f"set {path} of {policy} to STRICT once no client sends it plaintext{caution}"
    return f"set {path} of {policy} to PERMISSIVE{caution}"


def _endpoints(broken: Broken) -> Iterator[Endpoint]:
    for delivery in broken.call.deliveries:
        if delivery.endpoint is not None:
            yield delivery.endpoint


def _where_they_look(broken: Broken) -> str:
    """A namespace where all these clients look, and nobody else where that can be."""
    every = (own.namespace for group in broken.groups.values() for own in group.classes)
    first = next(every, "")
    # There may be very many, and the second namespace tells enough.
    is_one = first and all(namespace == first for namespace in every)
    return first if is_one else broken.call.service.namespace


def _in_rule(rule: Resource, broken: Broken, mode: Tls) -> str:
    """The mode in the rule for this very host, at this port alone where there are others."""
    if rule.foreign:
        return ""
    stated = broken.path if broken.path.endswith("tls") else ""
    if stated and (len(broken.call.service.ports) == 1 or "portLevelSettings" in stated):
        return f"set {stated}.mode of {rule} to {mode}"
    if broken.call.subset:
        return ""
    return (
        f"add to {rule} a portLevelSettings entry for port {broken.call.port.number} with tls mode "
        f"{mode}"
    )


def _new_rule(namespace: str, broken: Broken, mode: Tls, others: Tls) -> str:
    """A rule for the very host, which says of its other ports what is sent there now."""
    host, port = broken.call.service.host, broken.call.port.number
    start = f"add to namespace {namespace} a DestinationRule for {host} with"
    if len(broken.call.service.ports) == 1 and broken.is_captured:
        return f"{start} tls mode {mode}"
    if others is Tls.NONE:
        return f"{start} a portLevelSettings entry for port {port}, tls mode {mode}"
    return f"{start} tls mode {others}, and {mode} in a portLevelSettings entry for port {port}"
