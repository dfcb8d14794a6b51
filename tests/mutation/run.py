"""Change a part of the package in small ways, and list the changes that nothing notices.

The mesh model is held by the conformance cases, and has a page, docs/mutation.md; the other parts
by their tests, and are printed. Their tests run once, to see which of them reach which line; each
change is then tried on those that reach it. Works on a copy of the tree, so that a run that is
stopped leaves nothing behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS)]

from mutation import reach  # noqa: E402 - a script's own place
from mutation.notice import PRISTINE  # noqa: E402
from mutation.unseen import Unseen  # noqa: E402

ROOT = TESTS.parent
PAGE = ROOT / "docs" / "mutation.md"
FILES = {file.stem.removeprefix("test_"): file for file in TESTS.glob("*/test_*.py")}
BUDGET = 120  # minutes
SESSION = "session.sqlite"
# The part that has a page.
MODEL = "mesh"
GUARDS = ["files", "ledgers", "order", "holds", "effects", "steps", "deletions", "approvals"]
FLOWS = "promote hotfix rollback line merge record pull_request prepare judge transition backport"


class Part(NamedTuple):
    """What is changed, and what must notice it.

    paths    modules and folders of them, relative to the tree
    tests    their files by name, those first that are quick; empty: the conformance cases
    timeout  seconds, for one change
    """

    paths: tuple[str, ...]
    tests: tuple[str, ...] = ()
    timeout: float = 60.0

    @property
    def files(self) -> list[str]:
        """The files of the tests."""
        return [str(FILES[name].relative_to(ROOT)) for name in self.tests]

    @property
    def command(self) -> str:
        """What must fail where the tree is changed, called in it."""
        script = ("notice.py", *self.files) if self.tests else ("check.py",)
        return f"{sys.executable} tests/mutation/{' '.join(script)}"


PARTS = {
    MODEL: Part(("scripts/meshgate/mesh",)),
    "effect": Part(
        ("scripts/meshgate/effect",),
        (
            *("effect_values", "effect_words", "on_the_way", "held_clients", "effect_edges"),
            *("effect_telling", "strangers", "network_policies", "traffic_replay", "diff"),
            *("promotion_body", "effect_properties", "access_properties", "steps"),
            *("network_policy_reports", "diff_kinds", "step_files"),
        ),
        300.0,
    ),
    "judge": Part(
        ("scripts/meshgate/rules/judge.py",), ("judging", "cases", "rules_properties"), 300.0
    ),
    "guards": Part(
        ("scripts/meshgate/promotion/guards", "scripts/meshgate/promotion/gates"),
        (
            *(f"promotion_guards_of_{kind}" for kind in GUARDS),
            *("promotion_gates_of_time", "promotion_gates_of_evidence", "promotion_gates"),
            *("promotion_guards", "promotion_policy", "promotion_windows"),
            *("hostile_rules", "hostile_clocks", "hostile_promotion", "promotion_check"),
            *("promotion_gating", "hostile_edits"),
        ),
        300.0,
    ),
    "flows": Part(
        tuple(f"scripts/meshgate/promotion/{name}.py" for name in FLOWS.split()),
        (
            *("promotion_transitions", "promotion_backport", "promotion_prepared"),
            *("promotion_files", "promotion_line", "promotion_choice", "promotion_judged"),
            *("promotion_rollbacks", "promotion_hotfixes", "promotion_races", "promotion_merges"),
            *("promotion_failures", "promotion_commands", "adopt", "record_tags"),
            *("promotion_gating", "promotion_check", "hostile_two_steps"),
        ),
        300.0,
    ),
}
CONFIGURATION = """\
[cosmic-ray]
module-path = {paths}
timeout = {timeout}
excluded-modules = []
test-command = "{command}"

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
    parser.add_argument("--part", choices=PARTS, default="mesh", help="default: mesh")
    parser.add_argument("--minutes", type=float, default=BUDGET, help="how long it may take")
    parser.add_argument("--sample", type=int, help="only so many changes, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("modules", nargs="*", help="names of modules of the part; default: all")
    options = parser.parse_args()
    part = PARTS[options.part]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in tracked():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name, follow_symlinks=False)
        (copy / "mutate.toml").write_text(
            CONFIGURATION.format(
                paths=json.dumps(part.paths), timeout=part.timeout, command=part.command
            ),
            encoding="utf-8",
        )
        cosmic_ray(copy, "init", "mutate.toml", SESSION)
        every = choose(copy, options)
        missed = prepare(copy, part)
        try:
            cosmic_ray(copy, "exec", "mutate.toml", SESSION, minutes=options.minutes)
        except subprocess.TimeoutExpired:
            print(f"stopped after {options.minutes:g} minutes", file=sys.stderr)
        mutants = results(copy)
        if options.part == MODEL:
            PAGE.write_text(page(mutants, every, missed, options), encoding="utf-8")
    survivors = [mutant for mutant in mutants if "survived" in mutant.outcome.lower()]
    reached, unreached = by_reach(survivors, missed)
    print(
        f"{len(mutants)} of {every} changes tried, {len(survivors)} survived, "
        f"{len(unreached)} of them on lines that nothing reaches",
        *(row for mutants in (reached, unreached) if mutants for row in ["", *table(mutants)]),
        sep="\n",
    )
    return 0


def tracked() -> list[str]:
    """The files of the tree that git keeps, by their paths."""
    argv = ["git", "ls-files", "-z"]
    done = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def prepare(copy: Path, part: Part) -> dict[str, set[int]]:
    """Make sure that nothing fails without a change; the lines of each module never reached."""
    with contextlib.chdir(copy):
        reach.compile_by_digest()
    if not part.tests:
        cosmic_ray(copy, "baseline", "mutate.toml")
        return unreached(copy)
    modules = [
        str(file.relative_to(copy))
        for path in part.paths
        for file in [copy / path, *sorted((copy / path).rglob("*.py"))]
        if file.is_file()
    ]
    for module in modules:
        (copy / PRISTINE / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(copy / module, copy / PRISTINE / module)
    with contextlib.chdir(copy):
        reached = reach.measure(modules, part.files)
        reach.write(reached)
    cosmic_ray(copy, "baseline", "mutate.toml")
    return {
        Path(module).name: {line for line, tests in lines.items() if not tests}
        for module, lines in reached.items()
    }


def unreached(copy: Path) -> dict[str, set[int]]:
    """The lines of each module of the model that the cases never reach."""
    measure = [sys.executable, "-m", "coverage"]
    for arguments in (
        ["run", f"--source={PARTS[MODEL].paths[0]}", "tests/mutation/check.py"],
        ["json", "-q", "-o", "coverage.json"],
    ):
        subprocess.run([*measure, *arguments], cwd=copy, check=True)
    files = json.loads((copy / "coverage.json").read_bytes())["files"]
    return {Path(file).name: set(lines["missing_lines"]) for file, lines in files.items()}


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


def choose(copy: Path, options: argparse.Namespace) -> int:
    """Drop the changes that were not asked for; how many there are that a run could notice."""
    with sqlite3.connect(copy / SESSION) as database:
        # The ids of changes are random: one seed is to choose the same ones again.
        every = database.execute(
            "select job_id, module_path, operator_name, start_pos_row, start_pos_col"
            " from mutation_specs order by module_path, operator_name, occurrence"
        ).fetchall()
        unseen = {
            path: Unseen((copy / path).read_text("utf-8")) for path in {row[1] for row in every}
        }
        rows = [(job, path) for job, path, *place in every if not unseen[path].holds(*place)]
        modules = options.modules
        wanted = [job for job, path in rows if not modules or Path(path).stem in modules]
        if options.sample is not None:
            wanted = random.Random(options.seed).sample(wanted, min(options.sample, len(wanted)))
        dropped = [(job,) for job in {job for job, *_ in every} - set(wanted)]
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"delete from {table} where job_id = ?", dropped)
    return len(rows)


def results(copy: Path) -> list[Mutant]:
    """The changes that were tried."""
    found = []
    for line in cosmic_ray(copy, "dump", SESSION).splitlines():
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


def page(
    mutants: list[Mutant], every: int, missed: dict[str, set[int]], options: argparse.Namespace
) -> str:
    """docs/mutation.md."""
    survivors = [mutant for mutant in mutants if "survived" in mutant.outcome.lower()]
    reached, unreached = by_reach(survivors, missed)
    sample = "" if options.sample is None else f", a sample drawn with the seed {options.seed}"
    return "\n".join(
        [
            "# Mutation testing of the mesh model",
            "",
            "Written by `nox -s mutate`: each small change of `scripts/meshgate/mesh/` must make",
            "one of the conformance cases come out differently: one of the named cases, of fifty",
            "random meshes, or of twenty random meshes of each feature that those lack.",
            "",
            (
                f"Of {every} possible changes {len(mutants)} were tried in this run{sample};\n"
                f"{len(mutants) - len(survivors)} were noticed, {len(survivors)} survived, "
                f"{len(unreached)} of them on lines that these cases never reach."
            ),
            "",
            "A survivor is a place to look, not yet a fault: some change what no answer shows (an",
            "order, a cache, words), some ask for a case. The cases compare answers alone; what",
            "`explain` tells is held by `tests/mesh/`, which do not run here.",
            "",
            "## On lines that the cases reach",
            "",
            *table(reached),
            "",
            "## On lines that they do not reach",
            "",
            *table(unreached),
            "",
        ]
    )


def by_reach(
    survivors: list[Mutant], missed: dict[str, set[int]]
) -> tuple[list[Mutant], list[Mutant]]:
    """Those on lines that something reaches, and the others."""
    reached = [each for each in survivors if each.line not in missed.get(each.module, ())]
    return reached, [each for each in survivors if each not in reached]


def table(mutants: list[Mutant]) -> list[str]:
    """One row for each change."""
    return [
        "| Module | Line | Change |",
        "|---|---:|---|",
        *(f"| {each.module} | {each.line} | `{change(each)}` |" for each in mutants),
    ]


def change(mutant: Mutant) -> str:
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
