"""The meshes that every profile starts from: namespaces, applications and their Services."""

from __future__ import annotations

import random

from conformance.oracle.builder import APPS, CONTAINER_PORTS, NAMESPACES, Mesh
from conformance.oracle.policies import (
    add_destination_rules,
    add_peer_authentications,
    add_service_entries,
)


def plain(rng: random.Random, *, domain: str = "cluster.local", most: int = 4) -> Mesh:
    """A mesh without any policy: at most `most` namespaces and the root namespace."""
    return filled(Mesh(rng, domain=domain), most)


def filled(mesh: Mesh, most: int) -> Mesh:
    """The mesh with namespaces and applications."""
    rng = mesh.rng
    mesh.add_namespace(mesh.root, {})
    if mesh.root != "istio-system" and mesh.chance(0.5):
        mesh.add_namespace("istio-system", {})
    for namespace in rng.sample(NAMESPACES, rng.randint(2, most)):
        mesh.add_namespace(namespace)
        for app in rng.sample(APPS, mesh.pick(1, 2, 2, 3)):
            add_application(mesh, namespace, app)
    if mesh.chance(0.15):
        add_application(mesh, mesh.root, "gate")
    if not mesh.bare():
        namespace = rng.choice([each for each in mesh.namespaces if each != mesh.root])
        labels = {"app": "legacy", "sidecar.istio.io/inject": "false"}
        mesh.add_workload(namespace, "legacy", labels, [])
    return mesh


def add_application(mesh: Mesh, namespace: str, app: str) -> None:
    """One to three versions of an application behind one or two Services."""
    rng = mesh.rng
    numbers = rng.sample(CONTAINER_PORTS, mesh.pick(1, 2, 2, 3))
    ports = [(f"p{index}", number) for index, number in enumerate(numbers)]
    tier = mesh.pick("front", "back", None)
    for version in range(1, mesh.pick(1, 2, 3) + 1):
        labels = {"app": app, "version": f"v{version}"}
        if tier:
            labels["tier"] = tier
        mesh.add_workload(namespace, f"{app}-v{version}", labels, list(ports))
    mesh.add_service(namespace, app, {"app": app}, mesh.service_ports(ports))
    if mesh.chance(0.25):
        wide = {"tier": tier} if tier and mesh.chance(0.5) else {"app": app}
        mesh.add_service(namespace, f"{app}-alt", wide, mesh.service_ports(ports, named=False))


def add_direct(mesh: Mesh) -> None:
    """Pod-IP calls from a client without sidecar."""
    servers = [each for each in mesh.workloads if each.sidecar and each.kind != "WorkloadEntry"]
    callers = mesh.bare()
    if not servers or not callers or not mesh.chance(0.4):
        return
    server = mesh.rng.choice(servers)
    for port in [*(number for _, number in server.ports), 7777]:
        mesh.direct.append({"from": callers[0].reference, "to": server.reference, "port": port})


def policies(mesh: Mesh) -> Mesh:
    """The mesh with the policies of the committed cases on it."""
    add_service_entries(mesh)
    add_peer_authentications(mesh)
    add_destination_rules(mesh)
    add_direct(mesh)
    return mesh
