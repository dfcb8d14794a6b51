"""Change the mesh model in small ways, and list the changes that no conformance case notices.

Works on a copy of the tree, so that a run that is stopped leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mutation.md"
MODEL = "scripts/meshgate/mesh"
BUDGET = 120  # minutes
# `A | B` is mostly a type, which no run notices.
UNIONS = "core/ReplaceBinaryOperator_BitOr"
CONFIGURATION = """\
[cosmic-ray]
module-path = "{model}"
timeout = 60.0
excluded-modules = []
test-command = "{python} -B tests/mutation/check.py"

[cosmic-ray.distributor]
name = "local"
"""


class Mutant(NamedTuple):
    """One change, and what became of the cases with it."""

    module: str
    line: int
    operator: str
    outcome: str
    difference: str


def main() -> int:
    """Run within the budget and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=BUDGET, help="how long it may take")
    parser.add_argument("--sample", type=int, help="only so many changes, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("modules", nargs="*", help="names of modules of the model; default: all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for part in (MODEL, "tests/conformance", "tests/mutation"):
            # Bytecode is told apart by second and size: that of one change would serve the next.
            bytecode = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, copy / part, ignore=bytecode)
        for file in (ROOT / "scripts/meshgate").glob("*.py"):
            shutil.copy(file, copy / "scripts/meshgate")
        (copy / "mutate.toml").write_text(
            CONFIGURATION.format(model=MODEL, python=sys.executable), encoding="utf-8"
        )
        cosmic_ray(copy, "init", "mutate.toml", "session.sqlite")
        every = choose(copy / "session.sqlite", options)
        cosmic_ray(copy, "baseline", "mutate.toml")
        try:
            cosmic_ray(copy, "exec", "mutate.toml", "session.sqlite", minutes=options.minutes)
        except subprocess.TimeoutExpired:
            print(f"stopped after {options.minutes:g} minutes", file=sys.stderr)
        mutants = results(copy)
    text = page(mutants, every)
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


def cosmic_ray(copy: Path, *arguments: str, minutes: float | None = None) -> str:
    """Run cosmic-ray in the copy. Raises CalledProcessError, TimeoutExpired."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "cosmic-ray"), *arguments],
        cwd=copy,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=minutes and minutes * 60,
    ).stdout


def choose(session: Path, options: argparse.Namespace) -> int:
    """Drop the changes that were not asked for; how many there are of the whole model."""
    with sqlite3.connect(session) as database:
        asked = "select job_id, module_path, operator_name from mutation_specs"
        every = database.execute(asked).fetchall()
        rows = [(job, path) for job, path, operator in every if not operator.startswith(UNIONS)]
        modules = options.modules
        wanted = [job for job, path in rows if not modules or Path(path).stem in modules]
        wanted.sort()
        if options.sample is not None:
            wanted = random.Random(options.seed).sample(wanted, min(options.sample, len(wanted)))
        dropped = [(job,) for job in {job for job, *_ in every} - set(wanted)]
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", dropped)
    return len(rows)


def results(copy: Path) -> list[Mutant]:
    """The changes that were tried."""
    found = []
    for line in cosmic_ray(copy, "dump", "session.sqlite").splitlines():
        item: dict[str, Any]
        result: dict[str, Any] | None
        item, result = json.loads(line)
        if result is not None:
            spec = item["mutations"][0]
            found.append(
                Mutant(
                    Path(spec["module_path"]).name,
                    spec["start_pos"][0],
                    spec["operator_name"].removeprefix("core/"),
                    str(result.get("test_outcome")),
                    result.get("diff") or "",
                )
            )
    return sorted(found)


def page(mutants: list[Mutant], every: int) -> str:
    """docs/mutation.md."""
    survivors = [mutant for mutant in mutants if "survived" in mutant.outcome.lower()]
    lines = [
        "# Mutation testing of the mesh model",
        "",
        "Written by `nox -s mutate`: each small change of `scripts/meshgate/mesh/` must make one",
        "of the named conformance cases, or of fifty random meshes, come out differently.",
        "",
        (
            f"Of {every} possible changes {len(mutants)} were tried in this run; "
            f"{len(mutants) - len(survivors)} were noticed, {len(survivors)} survived."
        ),
        "",
        "A survivor is a place to look: many are in features that these cases do not have (other",
        "files of `tests/conformance/` do), in wording, or change nothing that can be seen.",
        "",
        "| Module | Line | Change |",
        "|---|---:|---|",
    ]
    lines += [f"| {each.module} | {each.line} | `{told(each)}` |" for each in survivors]
    return "\n".join(lines) + "\n"


def told(mutant: Mutant) -> str:
    """The new line, in short."""
    added = [
        line[1:].strip()
        for line in mutant.difference.splitlines()
        if line.startswith("+") and not line.startswith("+++")
    ]
    text = " ".join(added)[:90] or mutant.operator
    return text.replace("|", "\\|").replace("`", "'")


if __name__ == "__main__":
    sys.exit(main())
