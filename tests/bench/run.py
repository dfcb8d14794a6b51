"""Measure meshgate beside the bare parse and other tools, and write docs/benchmarks.md.

Every figure is a ratio of medians taken in one run, round by round. A ratio over its limit ends the
run with 1; a peer that cannot be built is named in the page and on standard error.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import connectivity
import fleet
import history
import manifests
import overlays
import peers
import scale
from benchmarks_page import page, renewed
from measure import Command, Measured, measure
from row import Row
from scale import BARE_PARSE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
PYTHON = sys.executable
MESHGATE = (PYTHON, "-m", "meshgate")
FLEET = 1_000
JUDGED = frozenset({0, 1})
# istioctl ends with 79 when it has findings over its threshold.
ANALYZED = frozenset({0, 1, 79})

REGO = """\
package main

import rego.v1

deny contains msg if {
	input.kind == "PeerAuthentication"
	input.spec.mtls.mode != "STRICT"
	msg := sprintf("%s is not STRICT", [input.metadata.name])
}
"""
KYVERNO = """\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: strict
spec:
  background: true
  rules:
  - name: strict
    match: {any: [{resources: {kinds: [PeerAuthentication]}}]}
    validate:
      failureAction: Audit
      message: STRICT is wanted
      pattern: {spec: {mtls: {mode: STRICT}}}
"""


def main() -> int:
    """Run the chosen parts; 1 when a ratio is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(PARTS), action="append")
    parser.add_argument(
        "--write", action="store_true", help="with --only: its rows into the page, beside the rest"
    )
    options = parser.parse_args()
    sections: dict[str, list[Row]] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, part in PARTS.items():
            if options.only is None or name in options.only:
                print(name, file=sys.stderr)
                sections[name] = part(Path(folder), options.rounds, notes)
    text = page(sections, notes, options.rounds)
    print(text)
    if options.only is None:
        PAGE.write_text(text, encoding="utf-8")
    elif options.write:
        PAGE.write_text(renewed(PAGE.read_text("utf-8"), text), encoding="utf-8")
    return int(not all(row.holds for rows in sections.values() for row in rows))


def lint(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """5,000 objects in one file, beside other tools; 50,000 for the growth."""
    small, large = folder / "5000.yaml", folder / "50000.yaml"
    manifests.write(small, 5_000)
    manifests.write(large, 50_000)
    (folder / "policy").mkdir(exist_ok=True)
    (folder / "policy" / "strict.rego").write_text(REGO, encoding="utf-8")
    (folder / "kyverno.yaml").write_text(KYVERNO, encoding="utf-8")
    ours = Command((*MESHGATE, "lint", "-C", str(folder), small.name), JUDGED)
    commands = {
        "meshgate lint": ours,
        "bare yaml parse": Command((PYTHON, "-c", BARE_PARSE, str(small))),
    }
    arguments = {
        "istioctl": (("analyze", "--use-kube=false", "-A", str(small)), ANALYZED),
        "conftest": (("test", "-p", str(folder / "policy"), str(small)), JUDGED),
        "kyverno": (("apply", str(folder / "kyverno.yaml"), "--resource", str(small)), JUDGED),
    }
    for peer in peers.PEERS:
        argv, codes = arguments[peer.name]
        try:
            commands[peer.name] = Command((str(peers.built(peer)), *argv), codes)
        except (subprocess.CalledProcessError, OSError) as error:
            notes.append(f"{peer.name} {peer.version} could not be built and is absent: {error}")
            print(notes[-1], file=sys.stderr)
    taken = measure(commands, rounds)
    limits = {"bare yaml parse": 1.8, "istioctl": 1.0, "conftest": 0.5, "kyverno": 0.5}
    rows = [
        _row(f"`meshgate lint`, 5,000 objects / {name}", taken, "meshgate lint", name, limits[name])
        for name in commands
        if name in limits
    ]
    tenfold = Command((*MESHGATE, "lint", "-C", str(folder), large.name), JUDGED)
    growth = measure({"5,000": ours, "50,000": tenfold}, max(1, rounds // 2))
    ten, one = growth["50,000"], growth["5,000"]
    return [
        *rows,
        Row("`meshgate lint`, 50,000 objects / 5,000", ten.seconds, one.seconds, 11),
        Row("its memory, 50,000 objects / 5,000", ten.mebibytes, one.mebibytes, 12, "MiB"),
    ]


def start(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """What every run costs before it does anything."""
    del folder, notes
    commands = {
        "validate": Command((*MESHGATE, "validate", "-C", str(ROOT)), JUDGED),
        "imports": Command((PYTHON, "-c", "import yaml, git")),
        "help": Command((*MESHGATE, "--help")),
        "argparse": Command((PYTHON, "-c", "import argparse")),
    }
    measure({"validate": commands["validate"]}, 1)  # warms the cache
    taken = measure(commands, 2 * rounds)
    return [
        _row("`validate` here, warm / `import yaml, git`", taken, "validate", "imports", 6),
        _row("`meshgate --help` / `import argparse`", taken, "help", "argparse", 3),
    ]


def many_overlays(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """200 overlays: one changed, and all of them cold."""
    del notes
    root = folder / "overlays-200"
    overlays.write(root, 200)
    bare = overlays.bare_build(root)
    all_bare = Command((PYTHON, str(Path(overlays.__file__)), "build-all", str(root)))
    changed = (*MESHGATE, "validate", "-C", str(root), "--changed-since", "HEAD")
    measure({"warm": Command((*MESHGATE, "validate", "-C", str(root)), JUDGED)}, 1)
    overlays.change_one(root)
    one = measure({"changed": Command(changed, JUDGED), "one build": bare}, 2 * rounds)
    cold = measure(
        {
            "cold": Command((*MESHGATE, "validate", "-C", str(root), "--no-cache"), JUDGED),
            "all builds": all_bare,
        },
        max(1, rounds // 2),
    )
    return [
        _row("200 overlays, one changed / one kustomize build", one, "changed", "one build", 5),
        _row("200 overlays, cold / the bare kustomize builds", cold, "cold", "all builds", 1.25),
    ]


def whole_fleet(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """All findings and the counts of all calls of a fleet, and of one ten times as large."""
    judge = str(Path(__file__).parent / "judge_fleet.py")
    rounds = max(1, rounds // 2)
    taken: dict[str, Measured] = {}
    for namespaces in (1_000, 10_000):
        root = folder / f"fleet-{namespaces}"
        fleet.write(root, namespaces)
        files = sorted(map(str, root.iterdir()))
        for name, measured in measure(
            {
                "fleet": Command((PYTHON, judge, str(root))),
                "parse": Command((PYTHON, "-c", BARE_PARSE, *files)),
            },
            rounds if namespaces == FLEET else 1,
        ).items():
            taken[f"{name} {namespaces}"] = measured
    one, ten = taken["fleet 1000"], taken["fleet 10000"]
    notes.append(
        "The fleet: 1,000 namespaces, 5,000 services, 10,000 workloads, 5,000 DestinationRules, "
        "2,000 PeerAuthentications; all findings, and its 200 million calls counted by outcome."
    )
    return [
        _row("the fleet / the bare parse of its files", taken, "fleet 1000", "parse 1000", 4),
        Row("its memory / 1,536 MiB", one.mebibytes, 1536, 1, "MiB"),
        Row("ten times the fleet / the fleet", ten.seconds, one.seconds, 12),
    ]


def access(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """The same fleet with policies of authorization, and what is asked of it."""
    judge = str(Path(__file__).parent / "judge_fleet.py")
    commands = {}
    for name, policies in (("without", False), ("with", True)):
        root = folder / f"access-{name}"
        fleet.write(root, FLEET, policies=policies)
        commands[name] = Command((PYTHON, judge, str(root)))
    taken = measure(commands, max(1, rounds // 2))
    questions = Path(__file__).parent / "access.py"
    asked = json.loads(
        subprocess.run(
            [PYTHON, questions, folder / "access-with"], check=True, stdout=subprocess.PIPE
        ).stdout
    )
    if asked["undecided"]:
        sys.exit(f"{asked['undecided']} changes of access were not decided")
    notes.append(
        "Policies: the fleet with 2,000 AuthorizationPolicies and 500 NetworkPolicies more, in "
        "seconds of the processor. A change of one policy that lets in a method more is compared "
        f"in {asked['effect']:.3g} s over all calls, two revisions without a change in "
        f"{asked['unchanged']:.3g} s; what the change itself takes is measured of 500 policies in "
        "one change, since for one it is less than two runs differ by. Nothing is undecided."
    )
    return [
        Row(
            "the fleet with policies / without",
            taken["with"].processor,
            taken["without"].processor,
            2,
        ),
        Row("`who-can` there, mesh and answer / 1 s", asked["who-can"], 1, 1),
        Row(
            "new access by changed policies, a changed workload / 0.1 s",
            asked["no-new-access"],
            0.1,
            1,
        ),
        Row("300 policies on one workload / 1 s", asked["policies"], 1, 1),
    ]


def tenfold(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """A fleet with policies, and one ten times as large: 100,000 workloads."""
    del rounds, notes
    judge = str(Path(__file__).parent / "judge_fleet.py")
    commands = {}
    for namespaces in (FLEET, 10 * FLEET):
        root = folder / f"tenfold-{namespaces}"
        fleet.write(root, namespaces, policies=True)
        commands[str(namespaces)] = Command((PYTHON, judge, str(root)))
    # The larger one takes minutes and more memory than all else here.
    taken = measure(commands, 1)
    one, ten = taken[str(FLEET)], taken[str(10 * FLEET)]
    return [
        Row("ten times the fleet with policies / it", ten.processor, one.processor, 12),
        Row("its memory", ten.mebibytes, one.mebibytes, 12, "MiB"),
    ]


def peer_of_policies(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """The peer's own question, who may connect to whom, at three sizes."""
    rows = []
    for workloads in connectivity.SIZES:
        root = folder / f"connectivity-{workloads}"
        connectivity.write(root, workloads)
        try:
            theirs = Command(connectivity.command(root))
        except (subprocess.CalledProcessError, OSError) as error:
            notes.append(f"network-config-analyzer could not be installed and is absent: {error}")
            return []
        commands = {
            "meshgate": Command((*MESHGATE, "calls", "-C", str(root), "."), JUDGED),
            "nca": theirs,
        }
        taken = measure(commands, max(1, rounds // 2))
        rows.append(
            Row(
                f"`meshgate calls`, {workloads} workloads / network-config-analyzer",
                taken["meshgate"].processor,
                taken["nca"].processor,
                1,
            )
        )
    notes.append(
        f"network-config-analyzer {connectivity.VERSION} is asked for its connectivity map, which "
        "tells nothing of mutual TLS; in seconds of the processor."
    )
    return rows


def long_history(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """What looks at promotion on a main of 5,000 commits, beside one of 50."""
    few, many = 50, 5_000
    asked = {
        "status": ("status",),
        "plan": ("plan", "staging"),
        "promote": ("promote", "staging"),
    }
    taken: dict[str, Measured] = {}
    for commits in (few, many):
        root, warm = folder / f"history-{commits}", folder / f"kept-{commits}"
        history.write(root, commits)
        commands = {
            f"{name} {commits}": history.command(root, warm, *arguments)
            for name, arguments in asked.items()
        }
        measure(commands, 1)  # keeps what the next run finds
        # Cold: nothing is kept, but each run writes what it would keep.
        for number in range(max(1, rounds // 2)):
            for name, arguments in asked.items():
                cache = folder / f"cold-{commits}-{number}-{name}"
                commands[f"{name} {commits} cold {number}"] = history.command(
                    root, cache, *arguments
                )
        found = measure({key: each for key, each in commands.items() if "cold" in key}, 1)
        for name in asked:
            runs = [each for key, each in found.items() if key.startswith(f"{name} ")]
            taken[f"{name} {commits} cold"] = min(runs, key=lambda each: each.processor)
        warm_ones = {key: each for key, each in commands.items() if "cold" not in key}
        taken |= measure(warm_ones, rounds)
    notes.append(
        "A long history: every commit is a new release, and staging is at the first; `promote` "
        "makes the commit and the page of its pull request. In seconds of the processor; cold with "
        "an empty cache, which is written."
    )
    return [
        Row(
            f"`{name}`, 5,000 commits / 50{how}",
            taken[f"{name} {many}{key}"].processor,
            taken[f"{name} {few}{key}"].processor,
            2,
        )
        for name in asked
        for key, how in (("", ""), (" cold", ", cold"))
    ]


def clusters(folder: Path, rounds: int, notes: list[str]) -> list[Row]:
    """3,000 workloads: all calls as JSON, and what `verify` judges of objects that are foreign."""
    root = folder / "clusters"
    fleet.write(root, 300)
    argv = (*MESHGATE, "calls", "-C", str(root), "--format", "json", ".")
    calls = measure({"calls": Command(argv, JUDGED)}, max(1, rounds // 2))["calls"]
    questions = Path(__file__).parent / "foreign_objects.py"
    asked = json.loads(
        subprocess.run([PYTHON, questions, root], check=True, stdout=subprocess.PIPE).stdout
    )
    notes.append(
        "3,000 workloads in 300 namespaces, of the fleet's kind; seconds of the processor."
    )
    return [
        Row("`calls --format json`, 3,000 workloads / 15 s", calls.processor, 15, 1),
        Row("its memory / 512 MiB", calls.mebibytes, 512, 1, "MiB"),
        Row("`verify`, 50 foreign objects of it / 1", asked["50"], asked["1"], 2),
    ]


def _row(what: str, taken: dict[str, Measured], ours: str, theirs: str, limit: float) -> Row:
    return Row(what, taken[ours].seconds, taken[theirs].seconds, limit)


PARTS = {
    "lint": lint,
    "start": start,
    "overlays": many_overlays,
    "fleet": whole_fleet,
    "access": access,
    "tenfold": tenfold,
    "connectivity": peer_of_policies,
    "history": long_history,
    "clusters": clusters,
    "applications": scale.many_applications,
    "thousands": scale.thousands,
    "dask": scale.dask,
}


if __name__ == "__main__":
    sys.exit(main())
