"""Drive many combinations of policies through the lab, and write what was seen to docs/proof.md.

`python tests/e2e/proof.py [WORD...]`: with words, only combinations whose group or title has one of
them, and the page is left alone. 0 where model and Envoys agree on every call, 1 where not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from e2e import authorized, certificates, proof_page, sandbox
from e2e.authorized import Asked
from e2e.combinations import ENTRY_ADDRESS, ENTRY_HOST, Combination, combinations
from e2e.comparison import Row, compare, table
from e2e.lab import PARTS, Lab, lab
from e2e.network import Pod
from e2e.objects import Port, Service
from e2e.processes import every
from meshgate.errors import ToolError
from meshgate.model import JSONObject, MeshFacts

APP_UI = Pod("app-ui", "web", "10.77.0.11", sidecar=True)
BOARDS = Pod("boards", "boards", "10.77.0.12", sidecar=True, group="mixed")
DATABASE = Pod("boards-db", "boards", "10.77.0.13", sidecar=False, group="mixed")
ROGUE = Pod("rogue", "lobby", "10.77.0.14", sidecar=False)
GATEWAY = Pod("ingressgateway", "istio-ingress", "10.77.0.15", sidecar=False, gateway=True)
PODS = (APP_UI, BOARDS, DATABASE, ROGUE, GATEWAY)
# Those that Services lie over.
SERVERS = (APP_UI, BOARDS, DATABASE, ROGUE)

HTTP, TCP = Port("http", 8080, 8080), Port("tcp-echo", 9000, 9000)
# Another number than the pod's, and one whose protocol no name tells.
PORTS = (HTTP, Port("http-web", 80, 8080), TCP, Port("data", 7000, 7000))
SERVICES = (
    *(
        Service(pod.name, (pod,), PORTS, f"10.96.1.{number}")
        for number, pod in enumerate(SERVERS, start=1)
    ),
    Service("boards-headless", (BOARDS,), (HTTP, TCP)),
    Service("mixed", (BOARDS, DATABASE), (HTTP, TCP), "10.96.1.9"),
    # On a TCP port of its own: a connection to a pod's address tells no host.
    Service("mixed-headless", (BOARDS, DATABASE), (HTTP, Port("tcp-mixed", 7000, 7000))),
    # To whichever pod the combination's ServiceEntry says.
    Service("entry", (ROGUE,), (HTTP, TCP), ENTRY_ADDRESS, external=ENTRY_HOST),
)

# Seconds: creation times are compared by the second.
APART = 1.1
# Seconds after which istiod has pushed that a combination is gone (PILOT_DEBOUNCE_AFTER is 0.1).
# Where it pushes only the difference to the next one, and that is in the endpoints' metadata alone,
# Envoy keeps the connections that it has, and their TLS or none.
PUSHED = 0.4
RELOADED = 20.0

DEFAULTS: JSONObject = {
    "enableAutoMtls": True,
    "defaultDestinationRuleExportTo": ["*"],
    "trustDomainAliases": [],
    "pathNormalization": {},
}


class Shown(NamedTuple):
    """One combination and every call or request under it."""

    combination: Combination
    rows: Sequence[Row | Asked]


def show(running: Lab, combination: Combination) -> Sequence[Row | Asked]:
    """Every call of one combination, or every request; it is taken back afterwards."""
    applied: list[JSONObject] = []
    if combination.mesh:
        configure(running, combination.mesh)
    try:
        for number, step in enumerate(combination.steps):
            if number:
                time.sleep(APART)
            placed = json.loads(json.dumps(step).replace("{folder}", str(running.folder)))
            running.rest.apply(*placed)
            applied += placed
        known = facts(combination.mesh)
        if combination.requests:
            return authorized.compare(running, combination.requests, known)
        return compare(running, known)
    finally:
        running.rest.delete(*applied)
        if combination.mesh:
            configure(running, {})
        if not combination.requests:
            time.sleep(PUSHED)


def facts(mesh: JSONObject) -> MeshFacts:
    """The mesh facts that MeshConfig fields mean."""
    known = {**DEFAULTS, **mesh}
    return MeshFacts(
        enable_auto_mtls=known["enableAutoMtls"],
        default_destination_rule_export_to=tuple(known["defaultDestinationRuleExportTo"]),
        trust_domain_aliases=tuple(known["trustDomainAliases"]),
        path_normalization=known["pathNormalization"].get("normalization", "BASE"),
    )


def configure(running: Lab, mesh: JSONObject) -> None:
    """Change MeshConfig, and wait until istiod has read it. Raises ToolError."""
    running.control.configure(**{**DEFAULTS, **mesh})
    # What is empty is left out of the answer.
    wanted = {key: value for key, value in {**DEFAULTS, **mesh}.items() if value or key in mesh}
    absent = {key for key, value in DEFAULTS.items() if not value} - set(mesh)
    for _ in every(0.1, RELOADED):
        read = running.control.get("debug/mesh")
        if all(read.get(key) == value for key, value in wanted.items()) and not any(
            read.get(key) for key in absent
        ):
            return
    raise ToolError("istiod did not read its changed MeshConfig")


def inside(folder: Path, words: list[str]) -> int:
    """In the sandbox: bring the lab up, and show every combination."""
    wanted = [
        each
        for each in combinations()
        if not words or any(word.lower() in f"{each.group}: {each.title}".lower() for word in words)
    ]
    began = time.monotonic()
    shown: list[Shown] = []
    with lab(folder, PODS, SERVICES) as running:
        certificates.of_mesh(running.sidecars[0].certificates, folder / "user")
        certificates.of_stranger(folder / "stranger")
        say(f"the lab is up after {time.monotonic() - began:.0f} s")
        for number, combination in enumerate(wanted, start=1):
            rows = show(running, combination)
            shown.append(Shown(combination, rows))
            wrong = [row for row in rows if not row.agrees]
            counted = f"{len(rows)} answers, {len(wrong)} wrong"
            say(f"{number}/{len(wanted)} {combination.title}: {counted}")
            if wrong or words:
                sys.stdout.write(lines(rows if words else wrong) + "\n")
    calls = sum(len(each.rows) for each in shown)
    wrong = [row for each in shown for row in each.rows if not row.agrees]
    sys.stdout.write(
        f"{len(shown)} combinations, {calls} answers, {len(wrong)} disagreements, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    if not words:
        proof_page.write([(each.combination, each.rows) for each in shown])
    return 1 if wrong or not calls else 0


def lines(rows: Sequence[Row | Asked]) -> str:
    """What was seen, for people: calls as a table, requests one a line."""
    calls = [row for row in rows if isinstance(row, Row)]
    asked = [str(row) for row in rows if isinstance(row, Asked)]
    return "\n".join([*([table(calls)] if calls else []), *asked])


def say(line: str) -> None:
    """Progress, for the person who waits."""
    sys.stderr.write(f"proof: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(sandbox.lead(sys.argv[1:], PARTS, inside))
