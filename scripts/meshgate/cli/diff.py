"""Tell what a change does to real calls and ports, and whether the way there is safe.

Both revisions are rendered with their own inventory, and compared call by call: which ports
get stronger or weaker, which calls turn to mTLS or to plaintext, break or are shut out, what a
deleted policy uncovers, and whether calls fail while proxies get the change one by one.

Compared is what your working tree holds with the commit where it left the default branch; on
the default branch itself these are your uncommitted changes. In CI that is what a pull request
does. Nothing is checked out: the other revision is read from git.

With two environments of environments.yaml it tells what is different in the second one.
Exit code 1 for an error finding (TR001-TR004); `meshgate rules TR001` explains each.

examples:
  meshgate diff                              what this branch does, to every environment
  meshgate diff --env prod                   to one of them
  meshgate diff --base HEAD~1 --head HEAD    what the last commit did
  meshgate diff staging prod                 what is different in prod
  meshgate diff --format markdown            the comment for a pull request
  meshgate diff --comment 12                 the same, kept up to date on pull request 12
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from meshgate import config
from meshgate.cli import judging
from meshgate.cli.forges import add_forge_option, forge_of
from meshgate.cli.meshes import publish
from meshgate.cli.output import style, tell_failures
from meshgate.cli.revisions import Revisions
from meshgate.cli.seen import Seen, add_traffic, seen
from meshgate.cli.validate import Validation, add_judging_options, chosen
from meshgate.effect import effect
from meshgate.effect.observed import known_calls, replay
from meshgate.errors import MeshgateError, UsageError
from meshgate.mesh import Mesh
from meshgate.model import Environment, Finding, Position, Resource, Tally
from meshgate.report.effect import FORMATS, Compared, Diff
from meshgate.report.effect.markdown import render
from meshgate.rules import RULES
from meshgate.rules.context import Context
from meshgate.rules.judge import judge

# What a change must not do. The other rules judge a state, which `validate` does.
CHANGE_RULES = tuple(rule for rule in RULES if rule.needs == "D")
PAIR = 2
# By which a run finds its own comment again.
MARKER = "<!-- meshgate-diff -->"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "environments", nargs="*", metavar="ENV_A ENV_B", help="two environments to compare"
    )
    parser.add_argument(
        "--base",
        metavar="REF",
        help="compare with the merge base with this reference (default: the default branch)",
    )
    parser.add_argument(
        "--head", metavar="REF", help="a commit instead of what the working tree holds"
    )
    parser.add_argument(
        "--env", metavar="ENV", action="append", default=[], help="only this one; repeatable"
    )
    add_traffic(parser)
    parser.add_argument(
        "--comment",
        metavar="NUMBER",
        type=int,
        help="keep one comment on this pull request up to date with what its change does",
    )
    add_forge_option(parser)
    add_judging_options(parser)


def run(options: argparse.Namespace) -> int:
    """Compare, and print what was asked for."""
    if options.environments:
        return drift(options)
    with tempfile.TemporaryDirectory(prefix="meshgate-") as folder:
        revisions = Revisions.of(options.directory, options.base, options.head, Path(folder))
        return Change(options, revisions).run()


def drift(options: argparse.Namespace) -> int:
    """What is different in the second of two environments."""
    names: Sequence[str] = options.environments
    asked = (options.base, options.head, options.env, options.traffic, options.comment)
    if len(names) != PAIR or any(asked):
        raise UsageError(
            "`meshgate diff ENV_A ENV_B` takes two environments and no revision",
            hint="name a revision with --base, and one environment of it with --env",
        )
    root: Path = options.directory
    environments = config.load(root).environments
    first, second = (chosen(environments, [name])[0] for name in names)
    side = Validation(root, environments, options)
    side.build([first, second])
    found = []
    if first.name in side.contexts and second.name in side.contexts:
        before, after = (mesh_of(side.contexts[each.name]) for each in (first, second))
        told = effect(before, after, expected=second.expectations)
        found.append(Compared(f"{first.name} to {second.name}", told, side.locate, side.locate))
    report = judging.report_of(side.findings, (), side.locate, (), side.failures)
    publish(FORMATS, [Diff(first.name, second.name, found, report, is_drift=True)], options)
    tell_failures(side.failures)
    return judging.exit_code(report, side.failures.values(), options.fail_on)


class Change:
    """What lies between two revisions."""

    def __init__(self, options: argparse.Namespace, revisions: Revisions) -> None:
        self.options = options
        self.revisions = revisions
        old = config.load(revisions.before).environments
        new = config.load(revisions.after).environments
        self.before = Validation(revisions.before, old, options)
        self.after = Validation(revisions.after, new, options)
        self.wanted = chosen(new, options.env)
        self.known = {environment.name: environment for environment in old}
        self.gone = [] if options.env else [name for name in self.known if name not in names(new)]
        self.seen: Seen | None = seen(options.traffic, [each.name for each in self.wanted])
        self.findings: list[Finding] = []
        self.tallies: list[Tally] = []

    def judge(self) -> list[Compared]:
        """Judge each environment that both sides have."""
        return [self.compared(environment) for environment in self.build()]

    def run(self) -> int:
        """Tell what was found; the exit code."""
        found = self.judge()
        failures = {**self.before_failures(), **self.after.failures}
        report = judging.report_of(
            [*self.findings, *self.after.findings],
            self.tallies,
            self.after.locate,
            [*self.notes(), *judging.notes_on(self.after.contexts[e.environment] for e in found)],
            failures,
        )
        diff = Diff(self.revisions.base, self.revisions.head, found, report)
        publish(FORMATS, [diff], self.options)
        if self.options.comment:
            comment(diff, self.options)
        tell_failures(failures)
        return judging.exit_code(report, failures.values(), self.options.fail_on)

    def build(self) -> list[Environment]:
        """Render both sides; the environments that there are on both."""
        self.after.build(self.wanted)
        self.before.build([self.known[e.name] for e in self.wanted if e.name in self.known])
        return [
            environment
            for environment in self.wanted
            if environment.name in self.before.contexts and environment.name in self.after.contexts
        ]

    def compared(self, environment: Environment) -> Compared:
        """The effect on one environment, with the findings on it."""
        name = environment.name
        old, new = self.before.contexts[name], self.after.contexts[name]
        before, after = mesh_of(old), mesh_of(new)
        traffic = self.seen.traffic if self.seen and self.seen.environment == name else None
        told = effect(
            before,
            after,
            expected=environment.expectations,
            seen=known_calls(traffic.calls, before) if traffic else (),
            upstream={
                each: mesh_of(self.after.contexts[each])
                for each in environment.after
                if each in self.after.contexts
            },
        )
        others = judging.with_others(new, self.after.contexts)
        context = dataclasses.replace(others, effect=told)
        self.findings += judge(context, CHANGE_RULES, self.locator(new))
        self.tallies.append(judging.tally(new))
        seen_calls = (traffic, replay(traffic.calls, before, after)) if traffic else None
        return Compared(name, told, self.before.locate, self.after.locate, seen_calls)

    def locator(self, context: Context) -> Callable[[Resource, str], Position | None]:
        """Where objects are written that are still there: there is no line of what is deleted."""
        there = set(map(id, context.resources.all))

        def locate(resource: Resource, path: str) -> Position | None:
            return self.after.locate(resource, path) if id(resource) in there else None

        return locate

    def before_failures(self) -> dict[str, MeshgateError]:
        """Environments that cannot be compared since the other revision could not be built."""
        found = dict(self.before.failures)
        for environment in self.wanted:
            name = environment.name
            if name in self.known and name not in self.before.contexts and name not in found:
                found[name] = UsageError(
                    f"the sources of {name} at {self.revisions.base} cannot be built",
                    hint="compare with an earlier revision: --base REF",
                )
        return found

    def notes(self) -> list[str]:
        """Environments of one revision only."""
        new = [each.name for each in self.wanted if each.name not in self.known]
        return [
            *(f"{name} is new: there is nothing to compare it with" for name in new),
            *(f"{name} is gone, with all that it guarded" for name in self.gone),
        ]


def comment(diff: Diff, options: argparse.Namespace) -> None:
    """Keep the pull request's one comment up to date, as long as its forge takes.

    Raises RepositoryError where the forge does not take it.
    """
    forge = forge_of(options)
    if not forge.hosted:
        raise UsageError(
            "--comment: there is no forge whose pull request could be commented on",
            hint="name it with --forge or MESHGATE_FORGE; `meshgate diff --help` tells more",
        )
    room = forge.body_limit - len(MARKER) - 1
    text = render(diff, style(options, to_file=True), limit=room)
    forge.comment_sticky(options.comment, MARKER, f"{MARKER}\n{text}")


def names(environments: Sequence[Environment]) -> set[str]:
    return {environment.name for environment in environments}


def mesh_of(context: Context) -> Mesh:
    """The mesh of an environment; without an inventory one that knows no workload."""
    return context.mesh or Mesh(context.resources.all, context.environment.mesh)
