"""What authorization costs on a fleet: who gets in, and what a change of one policy lets in.

Prints seconds of the processor by name as JSON; `access.py FOLDER` is run on a fleet with policies.
"""

from __future__ import annotations

import copy
import gc
import json
import sys
import time
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from msgspec import structs

from meshgate import garbage
from meshgate.effect import Effect, effect
from meshgate.mesh import Mesh
from meshgate.model import MeshFacts, Resource
from meshgate.pipeline.manifests import ManifestArguments, read_manifests
from meshgate.report.view import View
from meshgate.report.who_can import AccessQuestion, RequestFilter, answers

NAMESPACE = "team-00501"
# Policies that select the two workloads of one service are changed: one, and one of each of these
# namespaces. What one costs, or fifty do, is less than two measurements of one fleet differ by.
CHANGED = [f"team-{number:05}" for number in range(1, 1000, 2)]
WORKLOADS = 2
POLICIES = 300


def main() -> int:
    """Time the questions that people ask of a fleet that was read."""
    garbage.collect_rarely()
    resources = read_manifests(Path(sys.argv[1]), ManifestArguments(["."])).build.resources
    who_can = timed_who_can(resources)
    before = counted(resources)
    # What is asked of `before` alone is known after the first comparison; the others are new.
    timed_effect(before, counted(resources))
    nothing, unchanged = timed_effect(before, counted(resources))
    one, alone = timed_effect(before, counted(widened(resources, CHANGED[:1])))
    many, together = timed_effect(before, counted(widened(resources, CHANGED)))
    assert not nothing.calls
    for found, changed in ((one, CHANGED[:1]), (many, CHANGED)):
        assert {each.namespace for each in found.authorization} == set(changed)
        # Where a service speaks TCP, no rule with methods lets anybody in.
        opened = sum(str(each.change) == "opened" for each in found.calls)
        assert opened >= len(changed) / 2
    undecided = len(many.open_calls) + len(many.open_policies)
    json.dump(
        {
            "who-can": who_can,
            "effect": alone,
            "unchanged": unchanged,
            "no-new-access": max(0.0, together - unchanged) / (WORKLOADS * len(CHANGED)),
            "undecided": undecided,
            "policies": timed_policies(),
        },
        sys.stdout,
    )
    return 0


def mesh(resources: Iterable[Resource]) -> Mesh:
    """The mesh of a fleet."""
    return Mesh(resources, MeshFacts())


def counted(resources: Iterable[Resource]) -> Mesh:
    """The mesh of a fleet of whose calls all is known: that is measured as a whole elsewhere."""
    made = mesh(resources)
    made.counts()
    return made


def widened(resources: Iterable[Resource], namespaces: Container[str]) -> list[Resource]:
    """The same with one policy in each of these namespaces that lets in one method more."""

    def changed(resource: Resource) -> Resource:
        own = resource.kind == "AuthorizationPolicy" and resource.namespace in namespaces
        if not own or resource.name != "callers":
            return resource
        value: Any = copy.deepcopy(resource.value)
        value["spec"]["rules"][0]["to"][0]["operation"]["methods"].append("POST")
        return structs.replace(resource, value=value)

    return [changed(each) for each in resources]


def timed_effect(before: Mesh, after: Mesh) -> tuple[Effect, float]:
    """What a change does, and the seconds that it takes to say so.

    Without the search for cycles, which comes when it comes and takes longer than the question.
    """
    gc.collect()
    gc.disable()
    started = time.process_time()
    found = effect(before, after)
    seconds = time.process_time() - started
    gc.enable()
    return found, seconds


def timed_who_can(resources: Iterable[Resource]) -> float:
    """Seconds until it is said who gets in at a service, of all clients; the mesh is new.

    Without the search for cycles, as with the effect.
    """
    gc.collect()
    gc.disable()
    started = time.process_time()
    fleet = mesh(resources)
    service = fleet.service("svc-1", NAMESPACE)
    view = View(None, fleet, lambda _resource, _path: None)
    for port in service.ports:
        assert answers(AccessQuestion(view, service, port, RequestFilter()))
    seconds = time.process_time() - started
    gc.enable()
    return seconds


def timed_policies() -> float:
    """Seconds until it is said what 300 policies on one workload let in."""
    objects: list[dict[str, Any]] = [
        thing("v1", "Namespace", "shop", labels={"istio-injection": "enabled"}),
        workload("cart"),
        workload("web"),
        thing(
            "v1",
            "Service",
            "cart",
            spec={
                "selector": {"app": "cart"},
                "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            },
        ),
    ]
    for number in range(POLICIES):
        rule = {
            "from": [{"source": {"namespaces": ["shop", f"team-{number}"]}}],
            "to": [
                {
                    "operation": {
                        "methods": [("GET", "POST", "PUT")[number % 3]],
                        "paths": [f"/orders/{number}/*", f"*/report-{number % 20}"],
                    }
                }
            ],
        }
        action = "DENY" if number % 10 == 0 else "ALLOW"
        spec = {"selector": {"matchLabels": {"app": "cart"}}, "action": action, "rules": [rule]}
        objects.append(
            thing("security.istio.io/v1", "AuthorizationPolicy", f"p{number}", spec=spec)
        )
    resources = [Resource.of(each) for each in objects]
    started = time.process_time()
    own = mesh(resources)
    call = next(own.calls(own.workload("shop", "web")))
    assert call.delivery.admission is not None
    assert call.delivery.admission.decision.requests
    return time.process_time() - started


def thing(version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """An object of the small mesh."""
    metadata = {"name": name, "labels": fields.pop("labels", {})}
    if kind != "Namespace":
        metadata["namespace"] = "shop"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def workload(name: str) -> dict[str, Any]:
    """A Deployment with a sidecar."""
    pod = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "serviceAccountName": name,
            "containers": [{"name": "app", "ports": [{"containerPort": 8080}]}],
        },
    }
    return thing("apps/v1", "Deployment", name, spec={"template": pod})


if __name__ == "__main__":
    sys.exit(main())
