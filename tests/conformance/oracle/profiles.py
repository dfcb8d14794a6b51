"""Meshes with features that the common ones do not have, one function a feature."""

from __future__ import annotations

import random
from collections.abc import Callable

from conformance.oracle import access, base
from conformance.oracle.access import AccessMesh
from conformance.oracle.builder import Mesh
from conformance.oracle.entries import (
    add_entries_of_services,
    add_selecting_entries,
    add_workload_entries,
)
from conformance.oracle.policies import (
    add_destination_rules,
    add_peer_authentications,
    stamp,
)
from conformance.oracle.routing import add_gateways, add_virtual_services
from conformance.oracle.sidecars import add_sidecars
from meshgate.model import JSONObject

# How namespaces are told apart by discovery selectors, and which marks each form of them sees.
_MARK = "mesh"
_SELECTORS: dict[str, tuple[list[JSONObject], set[str | None]]] = {
    "labels": ([{"matchLabels": {_MARK: "one"}}], {"one"}),
    "two": ([{"matchLabels": {_MARK: "one"}}, {"matchLabels": {_MARK: "two"}}], {"one", "two"}),
    "exists": ([{"matchExpressions": [{"key": _MARK, "operator": "Exists"}]}], {"one", "two"}),
    "in": (
        [{"matchExpressions": [{"key": _MARK, "operator": "In", "values": ["one", "other"]}]}],
        {"one"},
    ),
    "not": (
        [{"matchExpressions": [{"key": _MARK, "operator": "NotIn", "values": ["two"]}]}],
        {"one", None},
    ),
}

_MORE_NAMES = {
    "tls": ("https-{n}", "tls-{n}"),
    "database": ("mysql-{n}", "mongo-{n}", "redis-{n}"),
    "web": ("grpc-web-{n}", "http-web-{n}", "http3-{n}"),
    "unknown": ("web-{n}", "metrics", "httpx"),
}
_DECLARED = {
    "http": "http",
    "http2": "kubernetes.io/h2c",
    "tcp": "tcp",
    "auto": "example.com/own",
    "tls": "https",
    "database": "mysql",
    "web": "kubernetes.io/ws",
    "unknown": "unknown",
}


def sidecar(rng: random.Random) -> Mesh:
    """Sidecar resources: what clients see and which ports servers have."""
    mesh = base.policies(base.plain(rng, most=3))
    if mesh.chance(0.3):
        # A route makes its destinations known to clients that do not import them.
        add_virtual_services(mesh)
    add_sidecars(mesh)
    return mesh


def virtualservice(rng: random.Random) -> Mesh:
    """VirtualServices that send to subsets."""
    mesh = base.plain(rng, most=3)
    add_destination_rules(mesh, 4)
    add_peer_authentications(mesh)
    add_virtual_services(mesh)
    mesh.ask.append("routes")
    return mesh


def gateway(rng: random.Random) -> Mesh:
    """Gateways as clients and as servers."""
    mesh = base.plain(rng, most=3)
    add_gateways(mesh)
    mesh.ask.append("gateways")
    return base.policies(mesh)


def workloadentry(rng: random.Random) -> Mesh:
    """WorkloadEntries behind Services and ServiceEntries."""
    mesh = base.plain(rng, most=3)
    add_workload_entries(mesh)
    add_selecting_entries(mesh, mesh.pick(0, 1))
    return base.policies(mesh)


def serviceentry(rng: random.Random) -> Mesh:
    """ServiceEntries with exportTo, a workloadSelector and several hosts."""
    mesh = base.plain(rng, most=3)
    mesh.more = True
    if mesh.chance(0.5):
        add_workload_entries(mesh)
    add_selecting_entries(mesh, mesh.pick(2, 3, 4))
    return base.policies(mesh)


def revision(rng: random.Random) -> Mesh:
    """Objects that belong to one revision of the control plane."""
    mesh = base.policies(base.plain(rng, most=3))
    revisions = ("stable", "canary", "default")
    if mesh.chance(0.8):
        mesh.facts["revision"] = mesh.pick(*revisions)
    for each in mesh.resources:
        if "istio.io/" in each["apiVersion"] and mesh.chance(0.6):
            each["metadata"]["labels"] = {"istio.io/rev": mesh.pick(*revisions)}
    return mesh


def discovery(rng: random.Random) -> Mesh:
    """Namespaces that the control plane does not look at."""
    mesh = base.plain(rng, most=4)
    for namespace, labels in mesh.namespaces.items():
        if namespace == mesh.root or mesh.chance(0.6):
            labels[_MARK] = mesh.pick("one", "two")
    form = mesh.rng.choice(list(_SELECTORS))
    mesh.facts["discoverySelectors"], seen = _SELECTORS[form]
    # istiod gives no root certificate to the others, so that no proxy would start there.
    for each in list(mesh.workloads):
        if mesh.namespaces[each.namespace].get(_MARK) not in seen:
            each.labels["sidecar.istio.io/inject"] = "false"
            each.sidecar = False
            mesh.workloads.remove(each)
            mesh.hidden.append(each)
    return base.policies(mesh)


def defaultexport(rng: random.Random) -> Mesh:
    """Another default for the exportTo of DestinationRules."""
    mesh = base.policies(base.plain(rng, most=3))
    other = mesh.rng.choice(list(mesh.namespaces))
    mesh.facts["defaultDestinationRuleExportTo"] = mesh.pick(
        ["."], ["."], ["*"], [other], [".", other]
    )
    return mesh


def domain(rng: random.Random) -> Mesh:
    """Another cluster domain."""
    return base.policies(
        base.plain(rng, domain=rng.choice(("corp.internal", "k8s.example", "lan")))
    )


def externalname(rng: random.Random) -> Mesh:
    """Services that are only another name."""
    mesh = base.plain(rng, most=3)
    targets = [mesh.host(each) for each in mesh.services]
    targets += ["api.example.com", "db.corp.local", f"nobody.alpha.svc.{mesh.domain}"]
    known = list(mesh.services)
    for index in range(mesh.pick(1, 2, 3)):
        namespace = mesh.rng.choice(list(mesh.namespaces))
        alias = f"alias-{index}"
        target = mesh.rng.choice(targets)
        if mesh.chance(0.1):
            target = f"alias-{mesh.pick(0, 1, 2)}.{namespace}.svc.{mesh.domain}"
        ports = [{"name": "http", "port": 80}] if mesh.chance(0.7) else []
        found = mesh.add_service(
            namespace, alias, None, ports, type="ExternalName", externalName=target
        )
        targets.append(mesh.host(found))
        if mesh.chance(0.5):
            known.append(found)
    # Rules may name an alias too, which says nothing about its target.
    mesh.services[:] = known
    mesh.ask.append("aliases")
    return base.policies(mesh)


def serviceexport(rng: random.Random) -> Mesh:
    """Services that only some namespaces see."""
    mesh = base.policies(base.plain(rng, most=4))
    for each in mesh.resources:
        if each["kind"] == "Service" and mesh.chance(0.6):
            own = each["metadata"]["namespace"]
            other = mesh.rng.choice(list(mesh.namespaces))
            value = mesh.pick("*", ".", "~", own, other, f"., {other}", f"{own},{other}")
            each["metadata"]["annotations"] = {"networking.istio.io/exportTo": value}
    return mesh


def notready(rng: random.Random) -> Mesh:
    """Pods that are not ready, and Services that show them nevertheless."""
    mesh = base.plain(rng, most=3)
    for each in mesh.workloads:
        if mesh.chance(0.35):
            each.kind = "Pod"
            each.ready = False
    for found in mesh.resources:
        if found["kind"] == "Service" and mesh.chance(0.3):
            found["spec"]["publishNotReadyAddresses"] = True
    return base.policies(mesh)


def shapes(rng: random.Random) -> Mesh:
    """Other kinds of workloads, and ports that declare their protocol in other ways."""
    mesh = Mesh(rng)
    mesh.kinds = ("Deployment", "StatefulSet", "DaemonSet", "Pod")
    mesh.names |= _MORE_NAMES
    mesh.declare = _DECLARED
    mesh.protocols = {number: rng.choice(list(mesh.names)) for number in mesh.protocols}
    base.filled(mesh, 3)
    for found in mesh.resources:
        if found["kind"] == "Service" and len(found["spec"]["ports"]) == 1 and mesh.chance(0.4):
            # A single port needs no name, which then declares nothing.
            del found["spec"]["ports"][0]["name"]
        elif found["kind"] == "Service" and mesh.chance(0.2):
            udp = {"name": "dns", "port": 53, "protocol": "UDP"}
            found["spec"]["ports"].append(udp)
    return base.policies(mesh)


def ambient(rng: random.Random) -> Mesh:
    """Workloads that ztunnel captures, beside some with sidecars."""
    mesh = base.plain(rng, most=3)
    mesh.facts["dataPlane"] = "ambient"
    mode = "istio.io/dataplane-mode"
    for namespace, labels in mesh.namespaces.items():
        if namespace != mesh.root and mesh.chance(0.7):
            labels[mode] = "ambient"
    for each in mesh.workloads:
        if mesh.chance(0.1):
            each.labels[mode] = mesh.pick("none", "ambient")
        mode_label = each.labels.get(mode, mesh.namespaces[each.namespace].get(mode))
        each.ambient = mode_label == "ambient" and not each.sidecar
    base.policies(mesh)
    for found in mesh.resources:
        if found["kind"] == "PeerAuthentication":
            # ztunnel's index has no order among policies of one second.
            stamp(mesh, found, unique=True)
    return mesh


def sharedhost(rng: random.Random) -> Mesh:
    """Hosts that a Service and ServiceEntries share, and clients that keep the address."""
    mesh = base.plain(rng, most=3)
    mesh.more = True
    add_entries_of_services(mesh)
    base.policies(mesh)
    for found in mesh.resources:
        if found["kind"] == "DestinationRule" and mesh.chance(0.3):
            policy = found["spec"].setdefault("trafficPolicy", {})
            policy["loadBalancer"] = {"simple": "PASSTHROUGH"}
    return mesh


PROFILES: dict[str, Callable[[random.Random], Mesh | AccessMesh]] = {
    each.__name__: each
    for each in (
        sidecar,
        virtualservice,
        gateway,
        workloadentry,
        serviceentry,
        revision,
        discovery,
        defaultexport,
        domain,
        externalname,
        serviceexport,
        notready,
        shapes,
        ambient,
        sharedhost,
        access.authorization,
        access.ztunnel,
    )
}
