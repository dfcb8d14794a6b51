"""Random unsafe changes of the conformance meshes, and plans for them judged by brute force."""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brute_force import (
    called,
    calls,
    end,
    mixed_by_brute_force,
    works,
)
from conformance.compare import lines_of, mesh_of, transport_files
from meshgate.effect import effect
from meshgate.effect.steps import NoPlan, Plan, plan
from meshgate.effect.steps.planning import LIMIT
from meshgate.mesh import Mesh
from meshgate.model import MeshFacts, Resource

Row = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "conformance"
FILES = list(transport_files(FOLDER))
MODES = ("STRICT", "PERMISSIVE", "DISABLE")
TLS = ("DISABLE", "ISTIO_MUTUAL", None)


def is_policy(value: Row) -> bool:
    return str(value.get("apiVersion", "")).partition("/")[0].endswith("istio.io")


class Case:
    """One unsafe change of a conformance mesh: policies before and after, the rest as it is."""

    def __init__(self, row: Row, resources: list[Row]) -> None:
        self.name = row["id"]
        self.facts: MeshFacts = mesh_of(row).facts
        self.before = [Resource.of(each) for each in row["resources"] if is_policy(each)]
        self.after = [Resource.of(each) for each in resources]
        self.inventory = [Resource.of(each) for each in row["resources"] if not is_policy(each)]

    def mesh(self, policies: Any) -> Mesh:
        return Mesh([*policies, *self.inventory], self.facts)

    @property
    def is_unsafe(self) -> bool:
        return not effect(self.mesh(self.before), self.mesh(self.after)).is_safe

    def plan(self, limit: int = LIMIT) -> Plan | NoPlan:
        return plan(self.before, self.after, self.inventory, self.facts, limit=limit)


def unsafe_changes(count: int, seed: int = 0, *, rows: int = 400) -> Iterator[Case]:
    """So many unsafe changes, the same for the same seed; from every file in turn."""
    dice = random.Random(seed)
    known = {
        name: list(itertools.islice(lines_of(FOLDER / f"{name}.jsonl.gz"), rows)) for name in FILES
    }
    found = 0
    while found < count:
        for name in FILES:
            row = json.loads(dice.choice(known[name]))
            case = Case(row, list(mutated(row["resources"], dice)))
            if case.is_unsafe:
                yield case
                found += 1
                if found == count:
                    return


def mutated(resources: list[Row], dice: random.Random) -> Iterator[Row]:
    """Modes changed, policies dropped: a change as a person may propose it, small or large."""
    changed = dice.choice((0.2, 0.5, 0.9))
    dropped = dice.choice((0.0, 0.1, 0.4))
    for each in filter(is_policy, resources):
        chance = dice.random()
        if chance < dropped:
            continue
        value = copy.deepcopy(each)
        spec = value.setdefault("spec", {}) or {}
        if each["kind"] == "PeerAuthentication" and dice.random() < changed:
            value["spec"] = {**spec, "mtls": {"mode": dice.choice(MODES)}}
        elif each["kind"] == "DestinationRule" and dice.random() < changed * 0.5:
            policy = spec.get("trafficPolicy") or {}
            mode = dice.choice(TLS)
            rest = {key: inner for key, inner in policy.items() if key != "tls"}
            chosen = {**rest, "tls": {"mode": mode}} if mode else rest
            value["spec"] = {**spec, "trafficPolicy": chosen}
            if not chosen:
                del value["spec"]["trafficPolicy"]
        yield value


def judged_by_brute_force(case: Case, found: Plan) -> Iterator[str]:
    """What is wrong with a plan, found without the code that made it; nothing: all is well."""
    states = [case.before, *(step.policies for step in found.steps)]
    if values(states[-1]) != values(case.after):
        yield "the last step does not end in the change"
    meshes = [case.mesh(policies) for policies in states]
    for number, (here, there) in enumerate(itertools.pairwise(meshes), 1):
        for call in mixed_by_brute_force(here, there):
            yield f"step {number}: {call}"
    lasting = working(meshes[0]) & working(meshes[-1])
    for number, mesh in enumerate(meshes[1:-1], 1):
        for call in sorted(lasting - working(mesh), key=str):
            yield f"after step {number} this call does not work: {call}"


def values(policies: Any) -> Counter[str]:
    return Counter(json.dumps(each.value, sort_keys=True) for each in policies)


def working(mesh: Mesh) -> set[tuple[object, ...]]:
    """Every call that surely works, by client, service port and workload."""
    found: set[tuple[object, ...]] = set()
    for client, host, port in called(mesh, mesh):
        for routed in calls(mesh, client, host, port):
            place: Any = end(routed)
            if place is not None and works(routed[1]):
                found.add((client, host, port, place[:4]))
    return found


def main() -> int:
    """Plan so many changes, judge every plan, and say how many there were of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    told: Counter[str] = Counter()
    wrong = []
    slowest = 0.0
    began = time.monotonic()
    for number, case in enumerate(unsafe_changes(options.cases, options.seed), 1):
        start = time.monotonic()
        found = case.plan()
        slowest = max(slowest, time.monotonic() - start)
        if isinstance(found, Plan):
            told[f"planned in {len(found.steps)} steps"] += 1
            told["planned, some calls in plaintext meanwhile"] += any(
                step.exposed for step in found.steps
            )
            wrong += [f"{case.name}: {what}" for what in judged_by_brute_force(case, found)]
        else:
            told[f"refused: {found.why}"] += 1
        print(f"\r{number} of {options.cases}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for what, count in sorted(told.items()):
        print(f"{count:5} {what}")
    print(f"{len(wrong):5} wrong steps", *wrong[:20], sep="\n      ")
    print(f"{time.monotonic() - began:.0f} s, the slowest plan {slowest:.1f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
