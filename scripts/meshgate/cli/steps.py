"""Find the safe steps to an unsafe change, and write each of them as overlay patches.

A change is unsafe when calls that work before and after it fail on the way, since proxies get it
one by one (TR001). The steps lead to the same end: clients first, servers through PERMISSIVE,
clients held to plaintext where auto mTLS would be too early. Each is judged as `meshgate diff`
judges it, loses no call that works at both ends, and opens nothing that is closed at both.

Take each step as a change of its own, and wait for what is said before the next one.
With --write each step is a folder of files: your change, with patches in the overlay that hold
back what is to come later. The last step is your change itself.

Exit code 0 if the change is safe as it is or steps were found, 1 if there are none.

examples:
  meshgate steps                        to what this branch changes
  meshgate steps --env prod             in one environment
  meshgate steps --write /tmp/steps     one folder for each step, to copy over the repository
  meshgate steps --base HEAD~1 --head HEAD --format json
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from meshgate import source
from meshgate.cli.options import add_judging, add_sides, cache_folder
from meshgate.cli.output import publish, write
from meshgate.cli.progress import Progress
from meshgate.cli.request import code_of, folder, load, print_failures, settings
from meshgate.effect.steps import NoPlan
from meshgate.errors import MeshgateError, UsageError, gravest
from meshgate.mesh import Mesh
from meshgate.model import Environment, Failure, JSONObject, Resource
from meshgate.pipeline.change import Comparison, ProposedChange
from meshgate.pipeline.planning import foreign, managed, safe_steps, with_policies
from meshgate.pipeline.renamed_objects import context_by_names
from meshgate.pipeline.reports import NEVER
from meshgate.pipeline.revisions import GitRevisions
from meshgate.pipeline.step_waivers import (
    DIFFERENCES,
    WAIVERS,
    StepNumber,
    differences_of,
    waivers_of,
    with_entries,
)
from meshgate.report.steps import FORMATS, EnvironmentSteps, StepFiles, Steps
from meshgate.rules.waiver_use import declared_differences

# The key of the waivers file, what the entry is about, and its port or 0.
Excuse: TypeAlias = tuple[str, str, int]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_sides(parser)
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="a folder that is new or empty, for the files"
    )
    add_judging(parser, fail_on=NEVER)


def run(options: argparse.Namespace) -> int:
    """Plan, write and print."""
    if options.write is not None and options.write.exists() and any(options.write.iterdir()):
        raise UsageError(f"{options.write} is not empty", hint="name a new folder")
    with tempfile.TemporaryDirectory(prefix="meshgate-") as temporary:
        revisions = GitRevisions.of(options.directory, options.base, options.head, Path(temporary))
        files = functools.partial(folder, options)
        change = ProposedChange(revisions, options.env, files, settings(options), load=load)
        return Planning(options, change).run()


class Planning:
    """The plans for the environments that a change reaches."""

    def __init__(self, options: argparse.Namespace, change: ProposedChange) -> None:
        self.options = options
        self.change = change
        self.failures: dict[str, MeshgateError] = {}
        # What each environment is planned to be on the way, where it is planned for.
        self.plans: dict[str, EnvironmentSteps] = {}

    def run(self) -> int:
        """Plan for each environment on both sides."""
        comparisons = self.change.comparisons()
        plans: list[EnvironmentSteps] = []
        with Progress("planning", len(comparisons)) as progress:
            for comparison in comparisons:
                name = comparison.environment.name
                try:
                    self.plans[name] = EnvironmentSteps(name, safe_steps(comparison))
                except MeshgateError as error:
                    self.failures[name] = error
                progress.step()
        for comparison in comparisons:
            name = comparison.environment.name
            if name in self.plans:
                try:
                    plans.append(self.with_files(comparison, self.plans[name]))
                except MeshgateError as error:
                    self.failures[name] = error
        failures = {**self.change.failures, **self.failures}
        revisions = self.change.revisions
        failed = tuple(Failure(name, str(error)) for name, error in failures.items())
        folder = str(self.options.write or "")
        steps = Steps(revisions.base, revisions.head, plans, self.change.notes, failed, folder)
        publish(FORMATS, [steps], self.options)
        print_failures(failures)
        findings = (
            []
            if self.options.fail_on == NEVER
            else [finding for each in comparisons for finding in each.after.findings]
        )
        without = any(isinstance(each.outcome, NoPlan) for each in plans)
        judged = [each.after for each in comparisons]
        code = code_of(self.options.fail_on, findings, failures.values(), judged)
        return gravest([code, int(without)])

    def with_files(self, comparison: Comparison, planned: EnvironmentSteps) -> EnvironmentSteps:
        """The plan for one environment, written where that was asked for."""
        if self.options.write is not None and len(planned.steps) > 1:
            return planned._replace(written=self.written(comparison, planned))
        return planned

    def written(self, comparison: Comparison, planned: EnvironmentSteps) -> list[StepFiles]:
        """Write the files of each step. Raises UsageError where there is no overlay to patch."""
        environment, head = comparison.environment, managed(comparison.after.require_context())
        if not environment.overlay:
            raise UsageError(
                f"{environment.name} is built from {environment.source_title}: a step is written "
                "as patches of one Kustomize overlay",
                hint="write the steps by hand: `meshgate steps --format json` has each object",
            )
        written_steps: list[StepFiles] = []
        before: frozenset[str] = frozenset()
        held: dict[Excuse, JSONObject] = {}
        for number, step in enumerate(planned.steps, 1):
            overlay = source.patched(
                self.change.revisions.after,
                environment.overlay.rstrip("/"),
                head,
                step.policies,
                comment=f"Step {number} of {len(planned.steps)} to a change that is unsafe "
                "at once.",
                cache=cache_folder(self.options),
            )
            for name, text in overlay.files.items():
                target: Path = self.options.write / f"step-{number}" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                write(target, text)
            at = StepNumber(number, len(planned.steps), self.options.today)
            needed = self.excuses(comparison, step.policies, head, at)
            # One that lasts stays as it is: whoever agreed to it need not agree again.
            held = {key: held.get(key, entry) for key, entry in needed.items()}
            waived = self.write_waivers(environment, held, number, written_steps)
            removed = {*(before - overlay.temporary), *waived.removed}
            files = {*overlay.files, *waived.files}
            written_steps.append(StepFiles(tuple(sorted(files)), tuple(sorted(removed))))
            before = overlay.temporary
        return written_steps

    def excuses(
        self,
        comparison: Comparison,
        policies: Sequence[Resource],
        head: list[Resource],
        at: StepNumber,
    ) -> dict[Excuse, JSONObject]:
        """What a step does on purpose and `validate` would refuse, each by what it is about."""
        context = comparison.after.require_context()
        upstream: dict[str, Mesh] = {}
        for each in comparison.upstream:
            theirs = each.require_context()
            plan = self.plans.get(each.name)
            if plan is not None and plan.steps:
                theirs = with_policies(theirs, plan.steps[min(at.number, len(plan.steps)) - 1])
            mesh = context_by_names(theirs, comparison.environment.names).mesh
            if mesh is not None:
                upstream[each.name] = mesh
        found = {
            (WAIVERS, str(each["resource"]), 0): each for each in waivers_of(policies, head, at)
        }
        if context.mesh is not None and upstream:
            step = Mesh([*policies, *foreign(context)], context.environment.mesh)
            declared = declared_differences(context)
            for entry in differences_of(step, context.mesh, upstream, declared, at):
                found[DIFFERENCES, str(entry["workload"]), entry.get("port", 0)] = entry
        return found

    def write_waivers(
        self,
        environment: Environment,
        entries: Mapping[Excuse, JSONObject],
        number: int,
        earlier: list[StepFiles],
    ) -> StepFiles:
        """Write what makes a step legal, or take what made an earlier step so away."""
        name = f"waivers/{environment.name}.yaml"
        own: Path = self.change.revisions.after / name
        text = own.read_text(encoding="utf-8") if own.is_file() else ""
        changed_before = any(name in step.files for step in earlier)
        if not entries and not changed_before:
            return StepFiles((), ())
        if not entries and not text:
            gone = any(name in step.removed for step in earlier)
            return StepFiles((), () if gone else (name,))
        target: Path = self.options.write / f"step-{number}" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        for key in (DIFFERENCES, WAIVERS):
            added = [entry for (kind, *_), entry in entries.items() if kind == key]
            text = with_entries(text, key, added, name)
        write(target, text)
        return StepFiles((name,), ())
