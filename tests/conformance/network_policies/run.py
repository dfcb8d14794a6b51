"""Compare the model of NetworkPolicies with cyclonus, an independent reading of them.

`python tests/conformance/network_policies/run.py --seed 7 --cases 500`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from conformance.go_program import GoProgram
from conformance.network_policies.generate import cases
from meshgate.errors import MeshgateError, ToolError
from meshgate.mesh import Direction, Mesh
from meshgate.mesh.network_policies import OpenLabels, Packets, label_selector
from meshgate.model import JSONObject, MeshFacts, Resource
from meshgate.process import run

CYCLONUS = GoProgram(
    "network-policies",
    "the comparison of NetworkPolicies",
    Path(__file__).parent,
    "the matcher of cyclonus",
    "the property tests of the model need none",
)
TIMEOUT = 600
SHOWN = 5


def answers(asked: Iterable[JSONObject]) -> Iterator[JSONObject]:
    """What cyclonus says of cases, in their order. Raises ToolError."""
    lines = "".join(json.dumps(case, separators=(",", ":")) + "\n" for case in asked)
    done = run([str(CYCLONUS.built())], stdin=lines.encode(), timeout=TIMEOUT)
    if done.code:
        raise ToolError("cyclonus failed", why=done.stderr.strip()[-2000:])
    yield from map(json.loads, done.stdout.splitlines())


def mesh_of(case: JSONObject) -> Mesh:
    """The model of a case; each of its pods is a workload."""
    objects = list(case["policies"])
    for pod in case["pods"]:
        place = {"name": pod["namespace"], "labels": pod["namespaceLabels"]}
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": place})
        ports = [{"name": name, "containerPort": number} for name, number in pod["ports"].items()]
        template = {
            "metadata": {"labels": pod["labels"]},
            "spec": {"containers": [{"name": "app", "ports": ports}]},
        }
        objects.append(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": pod["name"], "namespace": pod["namespace"]},
                "spec": {"template": template},
            }
        )
    return Mesh(map(resource, objects), MeshFacts())


def resource(value: JSONObject) -> Resource:
    """An object of a case."""
    metadata = value["metadata"]
    return Resource(
        value["apiVersion"], value["kind"], metadata.get("namespace"), metadata["name"], value
    )


def mismatches(case: JSONObject, told: JSONObject) -> Iterator[str]:
    """Where the model says another thing.

    The model does not know addresses: it must say that a connection passes where cyclonus lets it
    through from every address, that it is dropped where from none, and else that it cannot tell.
    """
    for asked, selected in zip(case["selections"], told["selected"], strict=True):
        own = label_selector(asked["selector"], "selector").selects(OpenLabels(asked["labels"]))
        if own is not selected:
            yield f"{case['id']}: {asked}: Kubernetes {selected}, model {own}"
    mesh = mesh_of(case)
    parties = [
        mesh.packets.parties.of_workload(mesh.workload(pod["namespace"], pod["name"]))
        for pod in case["pods"]
    ]
    for asked, answer in zip(case["queries"], told["answers"], strict=True):
        source, target = parties[asked["source"]], parties[asked["destination"]]
        packets = Packets(asked["port"], asked["protocol"])
        for direction, ends in (
            (Direction.INGRESS, (target, source)),
            (Direction.EGRESS, (source, target)),
        ):
            found = mesh.packets.table.passage(direction, *ends, packets)
            seen = set(answer[direction])
            wanted = seen.pop() if len(seen) == 1 else None
            if found.passes is not wanted:
                yield (
                    f"{case['id']}: {direction} of {source.name} to {target.name}:{packets.port} "
                    f"{packets.protocol}: cyclonus {wanted}, model {found.passes} ({found.doubt})"
                )


def main(arguments: list[str]) -> int:
    """0 where the model agrees, 1 where it does not, 4 where there is no Go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=500)
    options = parser.parse_args(arguments)
    made = list(cases(options.seed, options.cases))
    try:
        told = list(answers(made))
    except MeshgateError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    found = [line for case, own in zip(made, told, strict=True) for line in mismatches(case, own)]
    connections = sum(len(case["queries"]) for case in made)
    selections = sum(len(case["selections"]) for case in made)
    for line in found[:SHOWN]:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"{len(made)} cases, {connections} connections, {selections} selections, {len(found)} "
        f"mismatches (seed {options.seed})\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
